"""What the runtime makes of records and answers, with a consumer and a producer that are made up."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from bus import Final, ImageUploaded, KafkaSettings, Memory, OperationFinished, Passing, Worker
from bus.children import ChildDied
from bus.lanes import Delivery, Lane
from bus.producer import Outgoing
from bus.runtime import ALONE_AFTER, WINDOW, Runtime, _Assignment
from bus.settings import EXIT_CONFIG
from bus.topics import MAX_DEAD_LETTER_BYTES
from bus.unreadable import Unreadable
from bus.worker import Handler, Outcome
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from kafka.future import Future
from suite_fixtures import eventually


class Consumer:
    """Gives out what a test puts in; notes what is committed."""

    def __init__(self) -> None:
        self.coming: dict[TopicPartition, list[Any]] = {}
        self.there: set[TopicPartition] = set()
        self.held: set[TopicPartition] = set()
        self.committed: dict[TopicPartition, int] = {}
        self.sought: dict[TopicPartition, int] = {}
        self.generation = 0
        self.failing = ""
        self._coordinator = SimpleNamespace(request_rejoin=lambda: None)
        self._subscription = SimpleNamespace(assign_from_subscribed=self.assign)

    def group_metadata(self) -> Any:
        return SimpleNamespace(member_id="me", generation_id=self.generation)

    def assign(self, partitions: Any) -> None:
        self.there = set(partitions)
        self.sought = {partition: at for partition, at in self.sought.items() if partition in self.there}

    def poll(self, **_how: Any) -> dict[TopicPartition, list[Any]]:
        if self.failing:
            raise KafkaConnectionError(self.failing)
        flowing = [partition for partition in self.coming if partition not in self.held]
        return {partition: self.coming.pop(partition) for partition in flowing}

    def assignment(self) -> set[TopicPartition]:
        return self.there

    def paused(self) -> set[TopicPartition]:
        return self.held.copy()

    def pause(self, *partitions: TopicPartition) -> None:
        self.held |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.held -= set(partitions)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought[partition] = offset

    def close(self, **_how: Any) -> None:
        pass

    def commit(self, offsets: dict[TopicPartition, Any], **_how: Any) -> None:
        self.committed |= {partition: one.offset for partition, one in offsets.items()}


class Producer:
    """Acknowledges at once; notes what was sent."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.away = False
        self.refused = 0

    def send(self, outgoing: Outgoing) -> Any:
        if self.away:
            self.refused += 1
            raise KafkaConnectionError
        assert type(outgoing.value) is bytes, "kafka-python takes nothing else"
        if len(outgoing.value or b"") > MAX_DEAD_LETTER_BYTES:
            raise MessageSizeTooLargeError
        self.sent.append(outgoing)
        return Future().success(None)

    def publish(self, records: Any) -> None:
        self.sent += records

    def close(self, **_how: Any) -> None:
        pass


class Bench:
    """A runtime that turns when a test says so."""

    def __init__(self, worker: Worker) -> None:
        self.runtime = Runtime(worker, KafkaSettings())
        self.consumer, self.producer = Consumer(), Producer()
        runtime: Any = self.runtime
        runtime._consumer, runtime._producer = self.consumer, self.producer
        runtime._assignment = _Assignment(runtime.lanes, runtime._memories, self.consumer, lambda: None)
        runtime._checked_at = float("inf")
        self.assigned(0)

    def assigned(self, *numbers: int, generations: int = 1) -> None:
        """The group comes to rest, so many generations later."""
        self.consumer.generation += generations
        self.consumer.assign(TopicPartition("image", number) for number in numbers)
        self.runtime._assignment.on_partitions_assigned(self.consumer.there)

    def lane(self, partition: int = 0) -> Lane:
        return self.runtime.lanes[TopicPartition("image", partition)]

    def come(self, *names: str, partition: int = 0, first: int = 0, **headers: bytes) -> None:
        values = [json.dumps({"timestamp": 1.5, "new_file": name}).encode() for name in names]
        self.bring(*values, partition=partition, first=first, **headers)

    def bring(self, *values: bytes, partition: int = 0, first: int = 0, **headers: bytes) -> None:
        self.consumer.coming.setdefault(TopicPartition("image", partition), []).extend(
            SimpleNamespace(
                topic="image",
                partition=partition,
                offset=offset,
                timestamp=1_500,
                key=b"key",
                value=value,
                headers=list(headers.items()),
            )
            for offset, value in enumerate(values, first)
        )

    def turn_until(self, check: Callable[[], Any]) -> None:
        def turned() -> Any:
            self.runtime.turn()
            return check()

        eventually(turned, every=0)

    def committed(self, partition: int = 0) -> int | None:
        return self.consumer.committed.get(TopicPartition("image", partition))

    def answers(self) -> dict[str, str]:
        """What was answered, and by the headers to which record."""
        sent = [record for record in self.producer.sent if record.topic == "notification"]
        return {json.loads(one.value or b"")["new_file"]: dict(one.headers)["ce_causationid"].decode() for one in sent}

    def letters(self) -> list[tuple[bytes | None, dict[str, str]]]:
        sent = [record for record in self.producer.sent if record.topic.endswith(".dlq")]
        return [(one.value, {name: value.decode() for name, value in one.headers}) for one in sent]


@pytest.fixture
def made() -> Iterator[Callable[[Worker], Bench]]:
    benches: list[Bench] = []

    def make(worker: Worker) -> Bench:
        benches.append(Bench(worker))
        return benches[-1]

    yield make
    for bench in benches:
        bench.runtime._threads.shutdown(cancel_futures=True)


class Gate:
    """Where handlers wait until the test lets them go on."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.open = threading.Event()

    def passed(self, *names: str) -> None:
        self.came += names
        assert self.open.wait(30)


# A partition goes while its records are in hand.


def of_batches(gate: Gate, error: Exception | None = None) -> Worker:
    worker = Worker("batching")

    @worker.on("image", publishes="notification")
    def answer(uploads: list[ImageUploaded]) -> list[OperationFinished]:
        gate.passed(*(upload.new_file for upload in uploads))
        if error:
            raise error
        return [upload.finished("example", "there") for upload in uploads]

    return worker


@pytest.mark.parametrize("goes", [0, 1])
def test_a_batch_that_lost_a_partition_answers_the_others_each_as_its_own(made: Any, goes: int) -> None:
    gate = Gate()
    bench = made(of_batches(gate))
    bench.assigned(0, 1)
    bench.come("a0", "a1", partition=0)
    bench.come("b0", "b1", "b2", partition=1)
    bench.turn_until(lambda: len(gate.came) == 5)
    bench.assigned(1 - goes)
    gate.open.set()
    bench.turn_until(lambda: bench.committed(1 - goes))
    kept = {"a0": "image/0/0", "a1": "image/0/1"} if goes else {f"b{n}": f"image/1/{n}" for n in range(3)}
    assert bench.answers() == kept
    assert bench.committed(1 - goes) == len(kept)
    assert bench.committed(goes) is None


def test_a_batch_of_which_one_is_left_finds_whether_that_is_to_blame(made: Any) -> None:
    gate = Gate()
    bench = made(of_batches(gate, Final("never")))
    bench.assigned(0, 1)
    bench.come("a0", partition=0)
    bench.come("b0", "b1", partition=1)
    bench.turn_until(lambda: len(gate.came) == 3)
    bench.assigned(0)
    gate.open.set()
    bench.turn_until(lambda: bench.committed(0) == 1)
    assert gate.came == ["a0", "b0", "b1", "a0"]
    assert [(letter["dlq-partition"], letter["dlq-error"]) for _value, letter in bench.letters()] == [("0", "Final")]


# What cannot be read.


def test_what_cannot_be_read_becomes_a_dead_letter_with_its_place_and_the_rest_goes_on(made: Any) -> None:
    gate = Gate()
    gate.open.set()
    bench = made(of_batches(gate))
    bench.come("a0")
    bench.bring(Unreadable.of(b"\1\2", 1, 3, KeyError("codec")), first=3)
    bench.come("a4", first=4)
    bench.turn_until(lambda: bench.committed() == 5)
    assert bench.answers() == {"a0": "image/0/0", "a4": "image/0/4"}
    ((value, letter),) = bench.letters()
    assert value == b"\1\2"
    assert {name: letter[f"dlq-{name}"] for name in ("topic", "partition", "offset", "error", "message")} == {
        "topic": "image",
        "partition": "0",
        "offset": "3",
        "error": "KeyError",
        "message": "offsets 1 to 3 cannot be read: 'codec'",
    }


def test_where_it_is_too_large_for_a_dead_letter_that_is_told_instead(made: Any) -> None:
    gate = Gate()
    gate.open.set()
    bench = made(of_batches(gate))
    bench.bring(Unreadable.of(b"x" * (MAX_DEAD_LETTER_BYTES + 1), 0, 0, KeyError("codec")))
    bench.come("a1", first=1)
    bench.turn_until(lambda: bench.committed() == 2)
    ((value, letter),) = bench.letters()
    assert (value, letter["dlq-offset"]) == (b"", "0")
    assert letter["dlq-message"].startswith("offset 0 cannot be read: 'codec' (the value is left out")


# The same event twice on the log.


def test_two_deliveries_of_one_event_are_not_handled_at_the_same_time(made: Any) -> None:
    gate, worker, mailed = Gate(), Worker("telling"), []

    @worker.on("image", side_by_side=4)
    def tell(upload: ImageUploaded, told: Memory) -> None:
        known = "mail" in told
        gate.passed(upload.new_file)
        if not known:
            mailed.append(upload.new_file)
            told.add("mail")

    bench = made(worker)
    keep: dict[str, Any] = {}
    bench.runtime._memories[0] = SimpleNamespace(get=keep.get, put=keep.__setitem__)
    bench.come("a", ce_id=b"first")
    bench.come("a", first=1, ce_id=b"first")
    bench.come("b", first=2, ce_id=b"second")
    bench.turn_until(lambda: sorted(gate.came) == ["a", "b"])
    for _ in range(3):
        bench.runtime.turn()
    assert sorted(gate.came) == ["a", "b"]
    gate.open.set()
    bench.turn_until(lambda: bench.committed() == 3)
    assert sorted(mailed) == ["a", "b"]
    assert sorted(gate.came) == ["a", "a", "b"]


def test_what_is_still_in_hand_from_before_its_partition_was_lost_is_not_begun_again(made: Any) -> None:
    gate, worker = Gate(), Worker("telling")

    @worker.on("image", side_by_side=4)
    def tell(upload: ImageUploaded) -> None:
        gate.passed(upload.new_file)

    bench = made(worker)
    bench.come("a")
    bench.turn_until(lambda: gate.came)
    bench.runtime._assignment.on_partitions_lost(bench.consumer.there)
    bench.assigned(0)
    bench.come("a", "b")
    bench.turn_until(lambda: "b" in gate.came)
    assert gate.came == ["a", "b"]
    gate.open.set()
    bench.turn_until(lambda: bench.committed() == 2)
    assert gate.came == ["a", "b", "a"]


def test_a_partition_that_others_may_have_had_begins_where_the_group_has_committed(made: Any) -> None:
    worker, seen = Worker("noting"), []

    @worker.on("image")
    def note(upload: ImageUploaded) -> None:
        seen.append(upload.new_file)

    bench = made(worker)
    bench.come("a", "b")
    bench.turn_until(lambda: bench.committed() == 2)
    lane = bench.lane()
    bench.assigned(0)
    bench.assigned(0, generations=0)
    assert bench.lane() is lane, "nobody else has had it"
    assert bench.consumer.sought == {TopicPartition("image", 0): 2}
    bench.assigned(0, generations=2)
    assert not lane.live
    assert bench.consumer.sought == {}
    assert not bench.runtime.lanes
    bench.come("d", first=3)
    bench.turn_until(lambda: bench.committed() == 4)
    assert seen == ["a", "b", "d"]


# What waits holds up only itself.


def test_side_by_side_one_that_waits_holds_up_no_other_however_many_come(made: Any) -> None:
    worker, seen = Worker("waiting"), []

    @worker.on("image", side_by_side=4)
    def tell(upload: ImageUploaded) -> None:
        if upload.new_file == "stuck":
            raise Passing("not yet", after=600)
        seen.append(upload.new_file)

    bench = made(worker)
    bench.come("stuck")
    for number in range(1, 4 * WINDOW):
        bench.come(f"p{number}", first=number)
        bench.turn_until(lambda wanted=number: len(seen) == wanted)
    bench.turn_until(lambda: len(bench.runtime.lanes[TopicPartition("image", 0)].deliveries) == 1)
    assert not bench.consumer.held
    assert bench.committed() is None


def test_many_that_wait_pause_their_partition(made: Any) -> None:
    worker = Worker("waiting")

    @worker.on("image", side_by_side=4)
    def tell(upload: ImageUploaded) -> None:
        raise Passing("not yet", after=600)

    bench = made(worker)
    bench.come(*(f"p{number}" for number in range(WINDOW)))
    bench.turn_until(lambda: bench.consumer.held)
    assert len(bench.runtime.lanes[TopicPartition("image", 0)].deliveries) == WINDOW


# What is remembered of a partition.


@pytest.fixture
def remembering(made: Any) -> tuple[Any, list[Any]]:
    """A bench whose worker has answered one record each of two partitions, and the memories it was given."""
    worker, memories = Worker("remembering"), []

    @worker.on("image")
    def note(upload: ImageUploaded, memory: Memory) -> None:
        memories.append(memory._partition)

    bench = made(worker)
    bench.assigned(0, 1)
    bench.come("a0")
    bench.come("b0", partition=1)
    bench.turn_until(lambda: len(memories) == 2)
    return bench, memories


def test_a_partition_that_was_lost_and_comes_back_is_remembered_anew(remembering: tuple[Any, list[Any]]) -> None:
    bench, memories = remembering
    bench.assigned(0, 1)
    bench.come("a1", first=1)
    bench.turn_until(lambda: len(memories) == 3)
    assert memories[2] in memories[:2], "it stayed here, nobody else has written"
    bench.runtime._assignment.on_partitions_lost(bench.consumer.there)
    assert not bench.runtime._memories
    bench.assigned(0, 1)
    bench.come("a1", first=1)
    bench.turn_until(lambda: len(memories) == 4)
    assert memories[3] not in memories[:3]


def test_a_partition_that_goes_is_forgotten_alone(remembering: tuple[Any, list[Any]]) -> None:
    bench, _memories = remembering
    bench.assigned(1)
    assert list(bench.runtime._memories) == [1]


def test_what_others_may_have_added_to_is_remembered_anew(remembering: tuple[Any, list[Any]]) -> None:
    bench, memories = remembering
    bench.assigned(0, 1, generations=2)
    assert not bench.runtime._memories
    bench.come("a1", first=1)
    bench.turn_until(lambda: len(memories) == 3)
    assert memories[2] not in memories[:2]


def test_nothing_is_read_of_what_a_call_from_before_may_still_add_to(made: Any) -> None:
    gate, worker = Gate(), Worker("remembering")

    @worker.on("image", side_by_side=4)
    def note(upload: ImageUploaded, memory: Memory) -> None:
        gate.passed(upload.new_file)

    bench = made(worker)
    bench.come("a")
    bench.turn_until(lambda: gate.came)
    bench.assigned(0, 1, generations=2)
    bench.come("a", "b")
    bench.come("c", partition=1)
    bench.turn_until(lambda: "c" in gate.came)
    assert gate.came == ["a", "c"]
    assert list(bench.runtime._memories) == [1]
    gate.open.set()
    bench.turn_until(lambda: bench.committed() == 2)
    assert sorted(gate.came) == ["a", "a", "b", "c"]


# What killed a child.


@pytest.fixture
def deadly(made: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str], threading.Event]:
    """A bench whose `bomb`s kill their child; what was called, and what lets the calls answer."""
    worker, called, answer = Worker("fragile"), [], threading.Event()

    @worker.on("image", side_by_side=3)
    def ignore(upload: ImageUploaded) -> None:
        pass

    def call(_handler: Handler, deliveries: list[Delivery]) -> Outcome | ChildDied:
        name = deliveries[0].event.new_file
        called.append(name)
        if name == "bomb":
            return ChildDied("dead", -9)
        assert answer.wait(30)
        return Outcome("done", [[]])

    bench = made(worker)
    monkeypatch.setattr(bench.runtime, "_call", call)
    bench.come("bomb")
    bench.turn_until(lambda: bench.lane().deliveries[0].crashes)
    return bench, called, answer


def test_what_killed_a_child_is_left_until_nothing_else_is_to_do(
    deadly: tuple[Any, list[str], threading.Event],
) -> None:
    bench, called, answer = deadly
    bomb = bench.lane().deliveries[0]
    bomb.due = time.monotonic()
    bench.come("p1", "p2", "p3", "p4", first=1)
    answer.set()
    bench.turn_until(bench.letters)
    assert called == ["bomb", "p1", "p2", "p3", "p4", "bomb"]
    bench.turn_until(lambda: bench.committed() == 5)


def test_after_a_while_the_others_are_held_back_for_it(deadly: tuple[Any, list[str], threading.Event]) -> None:
    bench, called, answer = deadly
    bomb = bench.lane().deliveries[0]
    bomb.due = float("inf")
    bench.come("p1", "p2", first=1)
    bench.turn_until(lambda: len(called) == 3)
    bomb.due = time.monotonic() - ALONE_AFTER - 1
    bench.come("p3", first=3)
    for _ in range(3):
        bench.runtime.turn()
    assert called == ["bomb", "p1", "p2"]
    answer.set()
    bench.turn_until(lambda: bench.committed() == 4)
    assert called == ["bomb", "p1", "p2", "bomb", "p3"]
    assert len(bench.letters()) == 1


# The broker is away.


def test_of_many_answers_one_is_tried_while_the_broker_is_away(made: Any) -> None:
    gate = Gate()
    gate.open.set()
    bench = made(of_batches(gate))
    bench.producer.away = True
    bench.come(*(f"p{number}" for number in range(50)))
    bench.turn_until(lambda: len(bench.runtime._unpublished) == 50)
    assert bench.producer.refused < len(gate.came)
    bench.runtime._away_until = float("inf")
    tried = bench.producer.refused
    bench.runtime._begin()
    assert bench.producer.refused == tried
    assert len(bench.runtime._unpublished) == 50
    bench.producer.away, bench.runtime._away_until = False, 0.0
    bench.turn_until(lambda: bench.committed() == 50)
    assert len(bench.answers()) == 50


def test_a_poll_that_fails_again_and_again_is_told_of_once(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, told = made(of_batches(Gate())), []
    monkeypatch.setattr(bench.runtime.stopping, "wait", lambda _seconds: False)
    warning = lambda _what, error: told.append(error.split()[-1])  # noqa: E731
    monkeypatch.setattr("bus.runtime.logger", SimpleNamespace(warning=warning))
    for error in ("gone", "gone", "gone", "", "gone", "refused"):
        bench.consumer.failing = error
        bench.runtime._poll()
    assert told == ["gone", "gone", "refused"]


def test_a_poll_that_brings_very_many_is_no_hang(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, turned = made(of_batches(Gate())), []
    monkeypatch.setattr(bench.runtime, "_decode", lambda _delivery: turned.append(bench.runtime._turned_at))
    bench.runtime._turned_at = 0.0
    bench.come("a", "b")
    bench.runtime._poll()
    assert len(turned) == 2
    assert all(turned)


@pytest.mark.parametrize("answers", [True, False])
def test_a_login_that_was_refused_once_does_not_end_it(
    made: Any, monkeypatch: pytest.MonkeyPatch, answers: bool
) -> None:
    closed: list[bool] = []

    def connect(*_how: Any) -> Any:
        if not answers:
            raise InterruptedError
        return SimpleNamespace(close=lambda: closed.append(True))

    monkeypatch.setattr("bus.runtime.connect_admin", connect)
    gate = Gate()
    gate.open.set()
    bench = made(of_batches(gate))
    bench.runtime._logins.refused = True
    bench.come("a")
    bench.turn_until(lambda: bench.committed() == 1)
    assert not bench.runtime._logins.refused
    assert closed == [True] * answers


# The process ends.


def test_what_ends_a_handlers_thread_ends_the_loop_but_not_the_way_out(made: Any) -> None:
    gate, worker = Gate(), Worker("ending")

    @worker.on("image", side_by_side=2)
    def end(upload: ImageUploaded) -> None:
        gate.passed(upload.new_file)
        raise SystemExit(EXIT_CONFIG)

    bench = made(worker)
    bench.come("a", "b")
    bench.turn_until(lambda: len(gate.came) == 2)
    gate.open.set()
    with pytest.raises(SystemExit):
        bench.turn_until(lambda: False)
    bench.runtime.stop()
    assert not bench.runtime._running
    assert bench.committed() is None
