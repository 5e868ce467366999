"""What the runtime makes of records and answers, on the broker in memory."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from bus import KafkaSettings, PermanentError, RetryableError, State, Worker
from bus.kafka_fixes import UnreadableRecord
from bus.testing import Broker, Record
from bus.topics import MAX_DEAD_LETTER_BYTES
from events import Event, ImageUploaded, OperationFinished
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from service import EXIT_CONFIG
from suite_fixtures import eventually


class WorkerOnBroker:
    """A worker on a broker in memory, whose loop turns when a test says so."""

    def __init__(self, worker: Worker, **settings: Any) -> None:
        self.worker = worker
        self.broker = Broker(settings=KafkaSettings(**settings))
        self.runtime = self.broker.start(worker)

    def come(self, *names: str, partition: int = 0, **headers: bytes) -> None:
        for name in names:
            value = json.dumps({"timestamp": 1.5, "new_file": name}).encode()
            self.broker.append("image", value, b"key", headers.items(), partition, 1_500)

    def turn_until(self, check: Callable[[], Any]) -> None:
        def turned() -> Any:
            self.runtime.turn()
            return check()

        eventually(turned, every=0)

    def turns(self, seconds: float = 0.2) -> None:
        """Turn for a while."""
        with suppress(AssertionError):
            eventually(self.runtime.turn, seconds, every=0)  # type: ignore[func-returns-value]

    def committed(self, partition: int = 0) -> int | None:
        return self.broker.committed(self.worker, "image").get(partition)

    def answers(self) -> dict[str, str]:
        """What was answered, and by the headers to which record."""
        sent = self.broker.records("notification")
        return {json.loads(one.value or b"")["new_file"]: dict(one.headers)["ce_causationid"].decode() for one in sent}

    def letters(self) -> list[tuple[bytes | None, dict[str, str]]]:
        sent = self.broker.dead_letters(self.worker)
        return [(one.value, {name: value.decode() for name, value in one.headers}) for one in sent]


Start = Callable[..., WorkerOnBroker]


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[WorkerOnBroker] = []

    def start(worker: Worker, **settings: Any) -> WorkerOnBroker:
        started.append(WorkerOnBroker(worker, **settings))
        return started[-1]

    yield start
    for one in started:
        with suppress(SystemExit):
            one.runtime.stop()


class Gate:
    """Where handlers wait until the test lets them go on."""

    def __init__(self, is_open: bool = False) -> None:
        self.came: list[str] = []
        self.open = threading.Event()
        if is_open:
            self.open.set()

    def passed(self, *names: str) -> None:
        self.came += names
        assert self.open.wait(30)


# A partition goes while its records are in hand.


def batches(gate: Gate, error: Exception | None = None) -> Worker:
    worker = Worker("batching")

    @worker.on("image", publishes="notification")
    def answer(uploads: list[ImageUploaded]) -> list[OperationFinished]:
        gate.passed(*(upload.new_file for upload in uploads))
        if error:
            raise error
        return [upload.finished("example", "there") for upload in uploads]

    return worker


@pytest.mark.parametrize("goes", [0, 1])
def test_a_batch_that_lost_a_partition_answers_the_others_each_as_its_own(start: Start, goes: int) -> None:
    gate = Gate()
    on = start(batches(gate))
    on.come("a0", "a1", partition=0)
    on.come("b0", "b1", "b2", partition=1)
    on.turn_until(lambda: len(gate.came) == 5)
    on.broker.rebalance(on.worker, 1 - goes)
    gate.open.set()
    on.turn_until(lambda: on.committed(1 - goes))
    kept = {"a0": "image/0/0", "a1": "image/0/1"} if goes else {f"b{n}": f"image/1/{n}" for n in range(3)}
    assert on.answers() == kept
    assert on.committed(1 - goes) == len(kept)
    assert on.committed(goes) is None


def test_a_batch_of_which_one_is_left_finds_whether_that_is_to_blame(start: Start) -> None:
    gate = Gate()
    on = start(batches(gate, PermanentError("never")))
    on.come("a0", partition=0)
    on.come("b0", "b1", partition=1)
    on.turn_until(lambda: len(gate.came) == 3)
    on.broker.rebalance(on.worker, 0)
    gate.open.set()
    on.turn_until(lambda: on.committed(0) == 1)
    assert sorted(gate.came[:3]) == ["a0", "b0", "b1"]
    assert gate.came[3:] == ["a0"]
    letters = [(letter["dlq-partition"], letter["dlq-error"]) for _value, letter in on.letters()]
    assert letters == [("0", "PermanentError")]


def test_a_failing_record_of_a_batch_is_found_and_the_others_are_answered(start: Start) -> None:
    worker = Worker("batching")

    @worker.on("image", publishes="notification")
    def answer(uploads: list[ImageUploaded]) -> list[OperationFinished]:
        if any(upload.new_file == "bad" for upload in uploads):
            raise PermanentError("bad")
        return [upload.finished("example", "there") for upload in uploads]

    on = start(worker)
    on.come("a", "b", "bad", "c")
    on.turn_until(lambda: on.committed() == 4)
    assert sorted(on.answers()) == ["a", "b", "c"]
    assert len(on.letters()) == 1


# What cannot be read.


def test_what_cannot_be_read_becomes_a_dead_letter_with_its_place_and_the_rest_goes_on(start: Start) -> None:
    on = start(batches(Gate(is_open=True)))
    on.come("a0")
    on.broker.append("image", UnreadableRecord.of(b"\1\2", 1, 3, KeyError("codec")), partition=0)
    on.come("a4")
    on.turn_until(lambda: on.committed() == 3)
    assert on.answers() == {"a0": "image/0/0", "a4": "image/0/2"}
    ((value, letter),) = on.letters()
    assert value == b"\1\2"
    assert {name: letter[f"dlq-{name}"] for name in ("topic", "partition", "offset", "error", "message")} == {
        "topic": "image",
        "partition": "0",
        "offset": "1",
        "error": "KeyError",
        "message": "offsets 1 to 3 cannot be read: 'codec'",
    }


def test_where_it_is_too_large_for_a_dead_letter_that_is_told_instead(start: Start) -> None:
    on = start(batches(Gate(is_open=True)))
    large = UnreadableRecord.of(b"x" * (MAX_DEAD_LETTER_BYTES + 1), 0, 0, KeyError("codec"))
    on.broker.append("image", large, partition=0)
    on.come("a1")
    on.turn_until(lambda: on.committed() == 2)
    ((value, letter),) = on.letters()
    assert (value, letter["dlq-offset"]) == (b"", "0")
    assert letter["dlq-message"].startswith("offset 0 cannot be read: 'codec' (left out, as too large")


@pytest.mark.parametrize(
    ("key", "headers", "left_out"),
    [
        (b"k" * 3_000_000, [], "key"),
        (b"k", [("h" * 3_000_000, b"")], "headers"),
        (b"k", [(f"h{number}", b"x" * 1_000) for number in range(3_000)], "headers"),
        (b"k" * 1_500_000, [("h", b"x" * 1_500_000)], "headers"),
        (b"k" * 3_000_000, [("h", b"x" * 3_000_000)], "headers, key"),
    ],
)
def test_key_and_headers_that_are_too_large_do_not_stop_a_partition(
    start: Start, key: bytes, headers: list[Any], left_out: str
) -> None:
    on = start(batches(Gate(is_open=True)))
    on.broker.append("image", b"no json", key, headers, partition=0)
    on.come("good")
    on.turn_until(lambda: on.committed() == 2)
    (record,) = on.broker.dead_letters(on.worker)
    told = {name: value.decode() for name, value in record.headers}
    assert left_out in told["dlq-message"]
    assert record.key == (b"" if "key" in left_out else key)
    assert told["dlq-error"] == "Undecodable"
    assert sorted(on.answers()) == ["good"]


def test_a_topic_that_takes_even_less_gets_what_it_takes(start: Start) -> None:
    on = start(batches(Gate(is_open=True)))
    on.broker.refuse = lambda one: MessageSizeTooLargeError() if one.value else None
    on.broker.append("image", b"no json", b"k", [("mine", b"x")], partition=0)
    on.turn_until(lambda: on.committed() == 1)
    (letter,) = on.broker.dead_letters(on.worker)
    assert (letter.value, letter.key) == (b"", b"")
    assert {name for name, _value in letter.headers} == {
        f"dlq-{name}" for name in ["topic", "partition", "offset", "timestamp", "group", "attempts", "error", "message"]
    }


def test_an_answer_that_is_too_large_is_a_dead_letter(start: Start) -> None:
    worker = Worker("talkative")

    @worker.on("image", publishes="notification")
    def answer(upload: ImageUploaded) -> OperationFinished:
        return upload.finished("example", "there")

    on = start(worker)
    on.broker.refuse = lambda one: MessageSizeTooLargeError() if one.topic == "notification" else None
    on.come("a")
    on.turn_until(lambda: on.committed() == 1)
    ((_value, letter),) = on.letters()
    assert letter["dlq-message"] == "an answer is larger than a record may be"
    assert on.answers() == {}


# The same event twice on the log.


def test_two_deliveries_of_one_event_are_not_handled_at_the_same_time(start: Start) -> None:
    gate, worker, mailed = Gate(), Worker("telling"), []

    @worker.on("image", concurrency=4)
    def tell(upload: ImageUploaded, told: State) -> None:
        known = "mail" in told
        gate.passed(upload.new_file)
        if not known:
            mailed.append(upload.new_file)
            told.add("mail")

    on = start(worker)
    on.come("a", ce_id=b"first")
    on.come("a", ce_id=b"first")
    on.come("b", ce_id=b"second")
    on.turn_until(lambda: sorted(gate.came) == ["a", "b"])
    on.turns()
    assert sorted(gate.came) == ["a", "b"]
    gate.open.set()
    on.turn_until(lambda: on.committed() == 3)
    assert sorted(mailed) == ["a", "b"]
    assert sorted(gate.came) == ["a", "a", "b"]


def test_what_is_still_in_hand_from_before_its_partition_was_lost_is_not_begun_again(start: Start) -> None:
    gate, worker = Gate(), Worker("telling")

    @worker.on("image", concurrency=4)
    def tell(upload: ImageUploaded) -> None:
        gate.passed(upload.new_file)

    on = start(worker)
    on.come("a")
    on.turn_until(lambda: gate.came)
    on.broker.evict(worker)
    on.broker.rebalance(worker, 0)
    on.come("b")
    on.turn_until(lambda: "b" in gate.came)
    assert gate.came == ["a", "b"]
    gate.open.set()
    on.turn_until(lambda: on.committed() == 2)
    assert gate.came == ["a", "b", "a"]


def test_a_partition_that_others_may_have_had_begins_where_the_group_has_committed(start: Start) -> None:
    worker, seen = Worker("noting"), []

    @worker.on("image")
    def note(upload: ImageUploaded) -> None:
        seen.append(upload.new_file)

    on = start(worker)
    on.come("a", "b")
    on.turn_until(lambda: on.committed() == 2)
    on.broker.rebalance(worker, 0)
    on.broker.rebalance(worker, 0, generations=0)
    on.come("c")
    on.turn_until(lambda: on.committed() == 3)
    assert seen == ["a", "b", "c"], "nobody else has had it: it goes on where it was"
    on.come("d")
    on.broker.commit_as(worker, "image", 0, 4)
    on.broker.rebalance(worker, 0, generations=2)
    on.come("e")
    on.turn_until(lambda: on.committed() == 5)
    assert seen == ["a", "b", "c", "e"], "others have committed d"


def noting(gate: Gate) -> Worker:
    worker = Worker("noting")

    @worker.on("image", publishes="notification")
    def note(upload: ImageUploaded) -> OperationFinished:
        gate.passed(upload.new_file)
        return upload.finished("example", "there")

    return worker


def test_what_has_begun_is_finished_and_committed_before_a_rebalance_and_nothing_else_is_begun(start: Start) -> None:
    gate = Gate()
    on = start(noting(gate))
    on.come("a", "b", "c")
    on.turn_until(lambda: gate.came)
    on.broker.rebalancing = True
    on.turn_until(lambda: not on.runtime._assignment.settled)
    polled = on.broker.polls
    for name in "def":
        on.come(name)  # which wakes the loop
        on.runtime.turn()
    assert on.broker.polls == polled, "a poll joins the group: others would get the partition"
    gate.open.set()
    on.turn_until(lambda: on.broker.polls > polled)
    assert on.committed() == 1
    on.broker.rebalance(on.worker, 1)
    on.turns()
    assert gate.came == ["a"]


def test_a_rebalance_waits_only_for_a_while(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.runtime.REBALANCE_WAITS_SECONDS", 0.1)
    gate = Gate()
    on = start(noting(gate))
    on.come("a")
    on.turn_until(lambda: gate.came)
    on.broker.rebalancing = True
    on.turn_until(lambda: not on.runtime._assignment.settled)
    polled = on.broker.polls
    on.turn_until(lambda: on.broker.polls > polled)
    assert on.committed() is None
    gate.open.set()


def test_a_rebalance_that_does_not_come_leaves_all_as_it_was(start: Start) -> None:
    gate = Gate(is_open=True)
    on = start(noting(gate))
    on.broker.rebalancing = True
    on.turn_until(lambda: not on.runtime._assignment.settled)
    on.come("a", "b")
    on.turns()
    assert gate.came == []
    on.broker.rebalancing = False
    on.turn_until(lambda: on.committed() == 2)
    assert gate.came == ["a", "b"]


# What waits holds up only itself.


def test_side_by_side_one_that_waits_holds_up_no_other_however_many_come(start: Start) -> None:
    worker, seen = Worker("waiting"), []

    @worker.on("image", concurrency=4)
    def tell(upload: ImageUploaded) -> None:
        if upload.new_file == "stuck":
            raise RetryableError("not yet", after_seconds=600)
        seen.append(upload.new_file)

    on = start(worker)
    on.come("stuck")
    for number in range(1, 260):
        on.come(f"p{number}")
        on.turn_until(lambda wanted=number: len(seen) == wanted)
    on.come(*(f"more{number}" for number in range(2_000)))
    on.turn_until(lambda: len(seen) == 2_259)
    assert on.committed() is None


def test_in_order_one_that_waits_holds_up_those_behind_it_and_no_other_partition(start: Start) -> None:
    worker, seen = Worker("waiting"), []
    waits = True

    @worker.on("image")
    def tell(upload: ImageUploaded) -> None:
        seen.append(upload.new_file)
        if upload.new_file == "stuck" and waits:
            raise RetryableError("not yet")

    on = start(worker)
    on.come("a", "stuck", "b", "c")
    on.come("other", "another", partition=1)
    on.turn_until(lambda: on.committed(1) == 2 and on.committed(0) == 1)
    assert "b" not in seen
    waits = False
    on.turn_until(lambda: on.committed(0) == 4)
    assert [name for name in seen if name in "abc"] == ["a", "b", "c"]


def test_by_key_one_that_waits_holds_up_its_key_alone_however_many_come(start: Start) -> None:
    worker, seen, full = Worker("example"), [], True

    @worker.on("image", concurrency=4, ordered_by="key")
    def handle(upload: ImageUploaded) -> None:
        if full and upload.original_name == "full":
            raise RetryableError("mailbox full")
        seen.append(upload.new_file)

    on_broker = start(worker)
    for number in range(1_200):
        name = "full" if number % 2 else "ana"
        value = json.dumps({"timestamp": 1.5, "new_file": f"{name}{number}", "original_name": name}).encode()
        on_broker.broker.append("image", value, name.encode(), partition=0)
    on_broker.turn_until(lambda: len(seen) == 600)
    assert seen == [f"ana{number}" for number in range(0, 1_200, 2)]
    full = False
    on_broker.turn_until(lambda: on_broker.committed() == 1_200)
    assert seen[600:] == [f"full{number}" for number in range(1, 1_200, 2)]


def test_a_delayed_record_is_handled_in_the_end_whatever_its_producers_clock_said(start: Start) -> None:
    worker, seen = Worker("example"), []

    @worker.on("image", delay_seconds=0.3)
    def handle(upload: ImageUploaded) -> None:
        seen.append(upload.new_file)

    on_broker, now = start(worker), time.time()
    for name, at in {"old": now - 60, "new": now, "ahead": now + 60}.items():
        value = json.dumps({"timestamp": 1.5, "new_file": name}).encode()
        on_broker.broker.append("image", value, partition=0, timestamp_ms=int(at * 1000))
    on_broker.turn_until(lambda: on_broker.committed() == 3)
    assert seen == ["old", "new", "ahead"]


def test_a_delayed_record_holds_those_behind_it_up_and_no_other_partition(start: Start) -> None:
    worker, seen = Worker("example"), []

    @worker.on("image", delay_seconds=3600)
    def handle(upload: ImageUploaded) -> None:
        seen.append(upload.new_file)

    on_broker, now_ms = start(worker), time.time_ns() // 1_000_000
    for partition, name, at_ms in [(0, "a", 1_500), (0, "b", now_ms), (0, "c", 1_500), (1, "d", 1_500)]:
        value = json.dumps({"timestamp": 1.5, "new_file": name}).encode()
        on_broker.broker.append("image", value, partition=partition, timestamp_ms=at_ms)
    on_broker.turn_until(lambda: on_broker.committed(0) == 1 and on_broker.committed(1) == 1)
    on_broker.turns()
    assert sorted(seen) == ["a", "d"]


def test_a_state_tells_which_attempt_it_is(start: Start) -> None:
    worker, attempts = Worker("example"), []

    @worker.on("image")
    def handle(upload: ImageUploaded, state: State) -> None:
        attempts.append(state.attempt)
        if state.attempt < 3:
            raise RetryableError("not yet")

    on_broker = start(worker)
    on_broker.come("a.png", "b.png")
    on_broker.turn_until(lambda: on_broker.committed() == 2)
    assert attempts == [1, 2, 3, 1, 2, 3]


def test_a_slow_record_holds_up_no_other_thread_though_they_were_handed_over_together(start: Start) -> None:
    gate, worker, seen = Gate(), Worker("slow"), []

    @worker.on("image", concurrency=2, publishes="notification")
    def tell(upload: ImageUploaded) -> OperationFinished:
        if upload.new_file == "slow":
            gate.passed("slow")
        seen.append(upload.new_file)
        return upload.finished("example", "there")

    on = start(worker)
    on.come("slow", *(f"p{number}" for number in range(100)))
    on.turn_until(lambda: len(on.answers()) == 100)
    assert gate.came == ["slow"]
    gate.open.set()
    on.turn_until(lambda: on.committed() == 101)


def test_many_that_wait_pause_their_partition(start: Start) -> None:
    worker, tried = Worker("waiting"), set()

    @worker.on("image", concurrency=4)
    def tell(upload: ImageUploaded) -> None:
        tried.add(upload.new_file)
        raise RetryableError("not yet", after_seconds=600)

    on = start(worker)
    on.come(*(f"p{number}" for number in range(4_500)))
    on.turn_until(lambda: len(tried) == 2_000)
    on.turns()
    assert len(tried) == 2_000


def test_large_records_pause_all_partitions_before_they_fill_the_memory(start: Start) -> None:
    worker, gate = Worker("waiting"), Gate()

    @worker.on("image", concurrency=2)
    def tell(upload: ImageUploaded) -> None:
        gate.passed(upload.new_file)

    on = start(worker)
    for number in range(100):
        on.come(f"p{number}", partition=number % 2, padding=b"x" * 900_000)
    on.turn_until(lambda: len(gate.came) == 2)
    on.turns()
    in_hand = sum(lane.bytes for lane in on.runtime.lanes.values())
    assert 16e6 < in_hand < 30e6
    gate.open.set()
    on.turn_until(lambda: (on.committed(0), on.committed(1)) == (50, 50))
    assert len(gate.came) == 100


def test_a_topic_whose_records_all_wait_leaves_the_others_their_memory(start: Start) -> None:
    worker, seen = Worker("waiting"), []

    @worker.on("image", concurrency=2)
    def wait(upload: ImageUploaded) -> None:
        raise RetryableError("not yet", after_seconds=600)

    @worker.on("notification")
    def tell(finished: OperationFinished) -> None:
        seen.append(finished.new_file)

    on = start(worker)
    for number in range(40):
        on.come(f"p{number}", partition=number % 2, padding=b"x" * 900_000)
    on.turn_until(lambda: sum(lane.bytes for lane in on.runtime.lanes.values()) > 8e6)
    on.turns()
    assert sum(lane.bytes for lane in on.runtime.lanes.values()) < 16e6
    on.broker.publish("notification", ImageUploaded(new_file="a.png").finished("example", "there"))
    on.turn_until(lambda: seen == ["a.png"])


# What is remembered of a partition.


@pytest.fixture
def stateful(start: Start) -> tuple[WorkerOnBroker, list[Any]]:
    """A worker that has answered one record each of two partitions, and the stores it was given."""
    worker, stores = Worker("remembering"), []

    @worker.on("image")
    def note(upload: ImageUploaded, state: State) -> None:
        stores.append(state._store)

    on = start(worker)
    on.come("a0")
    on.come("b0", partition=1)
    on.turn_until(lambda: len(stores) == 2)
    on.turn_until(lambda: on.committed(0) == on.committed(1) == 1)
    return on, stores


def test_a_partition_that_was_lost_and_comes_back_is_remembered_anew(
    stateful: tuple[WorkerOnBroker, list[Any]],
) -> None:
    on, stores = stateful
    on.broker.rebalance(on.worker, 0, 1)
    on.come("a1")
    on.turn_until(lambda: len(stores) == 3)
    assert stores[2] in stores[:2], "it stayed here, nobody else has written"
    on.broker.evict(on.worker)
    on.broker.rebalance(on.worker, 0, 1)
    on.come("a2")
    on.turn_until(lambda: len(stores) >= 4)
    assert stores[3] not in stores[:3]


def test_a_partition_that_goes_is_forgotten_alone(stateful: tuple[WorkerOnBroker, list[Any]]) -> None:
    on, stores = stateful
    on.broker.rebalance(on.worker, 1)
    on.turn_until(lambda: on.runtime.lanes.keys() and len(on.runtime.lanes) == 1)
    on.broker.rebalance(on.worker, 0, 1)
    on.come("a1")
    on.come("b1", partition=1)
    on.turn_until(lambda: len(stores) == 4)
    again = {store for store in stores[2:] if store in stores[:2]}
    assert len(again) == 1


def test_what_others_may_have_added_to_is_remembered_anew(stateful: tuple[WorkerOnBroker, list[Any]]) -> None:
    on, stores = stateful
    on.broker.rebalance(on.worker, 0, 1, generations=2)
    on.come("a1")
    on.turn_until(lambda: len(stores) == 3)
    assert stores[2] not in stores[:2]


def test_nothing_is_read_of_what_a_call_from_before_may_still_add_to(start: Start) -> None:
    gate, worker = Gate(), Worker("remembering")

    @worker.on("image", concurrency=4)
    def note(upload: ImageUploaded, state: State) -> None:
        gate.passed(upload.new_file)

    on = start(worker, kafka_session_timeout_ms=10)
    on.come("a")
    on.turn_until(lambda: gate.came)
    on.broker.rebalance(worker, 0, 1, generations=2)
    on.come("b")
    on.come("c", partition=1)
    on.turn_until(lambda: "c" in gate.came)
    on.turns()
    assert gate.came == ["a", "c"]
    gate.open.set()
    on.turn_until(lambda: on.committed() == 2)
    assert sorted(gate.came) == ["a", "a", "b", "c"]


def test_stateful_calls_finish_before_others_get_the_partition_and_what_was_not_begun_is_not(start: Start) -> None:
    gate, worker = Gate(), Worker("remembering")

    @worker.on("image")
    def note(upload: ImageUploaded, state: State) -> None:
        gate.passed(upload.new_file)

    on = start(worker)
    on.come("a", "b", "c")
    on.turn_until(lambda: gate.came)
    threading.Timer(0.3, gate.open.set).start()
    on.broker.rebalance(worker, 1)
    assert gate.came == ["a"]
    on.turns()
    assert gate.came == ["a"]


# What is routed wrong is the handler's error.


@pytest.mark.parametrize("publishes", [(), "notification", ("notification", "chatbot")])
def test_an_event_that_no_topic_carries_is_tried_three_times_and_then_a_dead_letter(
    start: Start, publishes: Any
) -> None:
    worker, calls = Worker("lost"), []

    @worker.on("image", publishes=publishes)
    def answer(upload: ImageUploaded) -> Event:
        calls.append(upload.new_file)
        return upload

    on = start(worker)
    on.come("a")
    on.come("b", partition=1)
    on.turn_until(lambda: on.committed(0) == on.committed(1) == 1)
    assert (calls.count("a"), calls.count("b")) == (3, 3)
    assert {letter["dlq-error"] for _value, letter in on.letters()} == {"AttemptsExhausted"}


def test_an_answer_to_a_failure_that_no_topic_carries_is_left_out(start: Start) -> None:
    worker = Worker("lost")

    @worker.on("image", publishes="notification")
    def answer(upload: ImageUploaded) -> OperationFinished:
        raise PermanentError("never")

    @answer.on_failure
    def failed(upload: ImageUploaded, _error: Exception) -> Event:
        return upload

    on = start(worker)
    on.come("a")
    on.turn_until(lambda: on.committed() == 1)
    assert len(on.letters()) == 1
    assert on.answers() == {}


def test_an_answer_to_a_failure_that_is_too_large_is_left_out_and_the_dead_letter_is_whole(start: Start) -> None:
    worker = Worker("lost")

    @worker.on("image", publishes="notification")
    def answer(upload: ImageUploaded) -> OperationFinished:
        raise PermanentError("never")

    @answer.on_failure
    def failed(upload: ImageUploaded, _error: Exception) -> list[Event]:
        return [upload.failed("example", "no"), upload.failed("example", "x" * 9_000)]

    on = start(worker)
    on.broker.refuse = lambda one: MessageSizeTooLargeError() if len(one.value or b"") > 9_000 else None
    on.come("a")
    on.turn_until(lambda: on.committed() == 1)
    ((value, letter),) = on.letters()
    assert json.loads(value or b"")["new_file"] == "a"
    assert letter["dlq-message"] == "never"
    assert [json.loads(one.value or b"")["reason"] for one in on.broker.records("notification")] == ["no"]


@pytest.mark.parametrize("timestamp", [None, -1])
def test_a_record_without_a_timestamp_is_handled_like_any_other(start: Start, timestamp: int | None) -> None:
    on = start(batches(Gate(is_open=True)))
    on.broker.append("image", b'{"new_file": "a", "timestamp": 1}', partition=0)
    log = on.broker._logs[TopicPartition("image", 0)]
    log[0] = replace(log[0], timestamp=timestamp)
    on.turn_until(lambda: on.committed() == 1)
    assert on.answers() == {"a": "image/0/0"}


# What a bad deploy does.


def test_a_handler_that_only_fails_does_not_bury_a_whole_topic(start: Start) -> None:
    worker, works = Worker("broken"), threading.Event()

    @worker.on("image", publishes="notification", concurrency=2)
    def answer(upload: ImageUploaded) -> OperationFinished:
        if not works.is_set() or upload.new_file == "bad":
            raise PermanentError("a bug")
        return upload.finished("example", "there")

    on = start(worker, dead_letters_in_a_row=10)
    on.come(*(f"p{number}" for number in range(30)), "bad")
    on.come("other", partition=1)
    on.turn_until(lambda: on.committed() == 10)
    on.turns(1.2)
    assert len(on.letters()) == 11, "ten of one partition, one of the other"
    works.set()
    on.turn_until(lambda: on.committed() == 31)
    assert len(on.letters()) == 12
    assert len(on.answers()) == 20


# The broker is away.


def test_while_the_broker_is_away_nothing_is_lost_and_it_is_asked_now_and_then(start: Start) -> None:
    gate = Gate(is_open=True)
    on = start(batches(gate))
    tries: list[Any] = []
    on.broker.refuse = lambda one: tries.append(one) or KafkaConnectionError("gone")  # type: ignore[func-returns-value]
    on.come(*(f"p{number}" for number in range(50)))
    on.turn_until(lambda: len(gate.came) == 50 and tries)
    on.turns()
    assert on.committed() is None
    on.broker.refuse = lambda _one: None
    on.turn_until(lambda: on.committed() == 50)
    assert len(on.answers()) == 50
    assert len(gate.came) == 50, "handlers are not called again"


def test_an_acknowledgement_that_does_not_come_holds_the_commit_back(start: Start) -> None:
    on = start(batches(Gate(is_open=True)))
    on.broker.holds_acknowledgements = True
    on.come("a", "b")
    on.turn_until(lambda: len(on.answers()) == 2)
    on.turns()
    assert on.committed() is None
    on.broker.acknowledge()
    on.turn_until(lambda: on.committed() == 2)


def test_polls_and_commits_that_fail_are_tried_again(start: Start) -> None:
    gate = Gate(is_open=True)
    on = start(batches(gate))
    on.broker.away = True
    on.come("a")
    on.turns(1)
    assert gate.came == []
    on.broker.away = False
    on.turn_until(lambda: on.committed() == 1)


def test_a_poll_that_fails_again_and_again_is_told_of_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    on, told = start(batches(Gate())), []
    warning = lambda _what, error: told.append(error.split()[-1])  # noqa: E731
    monkeypatch.setattr("bus.runtime.logger", SimpleNamespace(warning=warning, info=lambda *_what, **_how: None))
    for error in ("gone", "gone", "gone", "", "gone", "refused"):
        on.broker.poll_error = error
        on.runtime._take_in()
    assert told == ["gone", "gone", "refused"]


def test_a_login_that_was_refused_once_is_tried_once_more_and_does_not_end_it(start: Start) -> None:
    on = start(batches(Gate(is_open=True)))
    on.broker.refused_logins = 1
    on.come("a")
    on.turn_until(lambda: on.committed() == 1)
    assert (on.broker.refused_logins, on.broker.logins) == (0, 1)


def test_taking_in_very_many_records_is_no_hang(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    on, beats = start(batches(Gate(is_open=True))), []
    monkeypatch.setattr(on.runtime._watchdog, "turned", lambda: beats.append(1))
    on.turns()
    on.come(*(f"p{number}" for number in range(100)))
    beats.clear()
    on.runtime._take_in()
    assert len(beats) == 100


# The loop sleeps until there is something to do.


def test_an_idle_loop_turns_a_few_times_a_second_and_wakes_for_a_record(start: Start) -> None:
    gate = Gate(is_open=True)
    on = start(batches(gate))
    on.turns(0.5)
    threading.Timer(0.7, on.come, ["late"]).start()
    turns = 0

    def turned() -> Any:
        nonlocal turns
        turns += 1
        on.runtime.turn()
        return on.committed() == 1

    eventually(turned, every=0)
    assert turns < 20


def test_a_loop_whose_handler_is_at_work_does_not_look_for_it(start: Start) -> None:
    gate = Gate()
    on = start(batches(gate))
    on.come("a")
    on.turn_until(lambda: gate.came)
    threading.Timer(1.0, gate.open.set).start()
    turns = 0
    while on.committed() is None:
        on.runtime.turn()
        turns += 1
    assert turns < 20


# The process ends.


def test_what_ends_a_handlers_thread_ends_the_loop_but_not_the_way_out(start: Start) -> None:
    gate, worker = Gate(), Worker("ending")

    @worker.on("image", concurrency=2)
    def end(upload: ImageUploaded) -> None:
        gate.passed(upload.new_file)
        raise SystemExit(EXIT_CONFIG)

    on = start(worker)
    on.come("a", "b")
    on.turn_until(lambda: len(gate.came) == 2)
    gate.open.set()
    with pytest.raises(SystemExit):
        on.turn_until(lambda: False)
    on.runtime.stop()
    assert on.committed() is None


def test_at_the_end_what_is_done_is_committed_and_what_was_not_begun_is_left(start: Start) -> None:
    gate, worker = Gate(), Worker("ending")

    @worker.on("image", publishes="notification")
    def answer(upload: ImageUploaded) -> OperationFinished:
        gate.passed(upload.new_file)
        return upload.finished("example", "there")

    on = start(worker)
    on.come("a", "b", "c")
    on.turn_until(lambda: gate.came)
    threading.Timer(0.2, gate.open.set).start()
    on.runtime.stop()
    assert gate.came == ["a"]
    assert on.committed() == 1
    assert sorted(on.answers()) == ["a"]


def test_two_workers_of_a_group_share_the_partitions(start: Start) -> None:
    seen: list[tuple[str, str]] = []

    def named(name: str) -> Worker:
        worker = Worker("sharing")

        @worker.on("image")
        def note(upload: ImageUploaded) -> None:
            seen.append((name, upload.new_file))

        return worker

    broker = Broker()
    first, second = named("first"), named("second")
    with broker.running(first), broker.running(second):
        for number in range(20):
            broker.publish("image", ImageUploaded(new_file=f"{number}.png"))
        broker.wait_until_handled(first)
    assert len(seen) == len({file for _name, file in seen}) == 20
    assert {name for name, _file in seen} == {"first", "second"}
    assert all(isinstance(record, Record) for record in broker.records("image"))
