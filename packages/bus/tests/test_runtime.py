"""What the runtime makes of records and answers, with a consumer and a producer that are made up."""

import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from bus import Final, ImageUploaded, KafkaSettings, Memory, OperationFinished, Passing, Worker
from bus.producer import Outgoing
from bus.runtime import WINDOW, Runtime, _Assignment
from bus.topics import MAX_DEAD_LETTER_BYTES
from bus.unreadable import Unreadable
from kafka import TopicPartition
from kafka.errors import MessageSizeTooLargeError
from kafka.future import Future
from suite_fixtures import eventually


class Consumer:
    """Gives out what a test puts in; notes what is committed."""

    def __init__(self) -> None:
        self.coming: dict[TopicPartition, list[Any]] = {}
        self.there: set[TopicPartition] = set()
        self.held: set[TopicPartition] = set()
        self.committed: dict[TopicPartition, int] = {}
        self._coordinator = SimpleNamespace(request_rejoin=lambda: None)

    def poll(self, **_how: Any) -> dict[TopicPartition, list[Any]]:
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
        pass

    def commit(self, offsets: dict[TopicPartition, Any], **_how: Any) -> None:
        self.committed |= {partition: one.offset for partition, one in offsets.items()}


class Producer:
    """Acknowledges at once; notes what was sent."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    def send(self, outgoing: Outgoing) -> Any:
        assert type(outgoing.value) is bytes, "kafka-python takes nothing else"
        if len(outgoing.value or b"") > MAX_DEAD_LETTER_BYTES:
            raise MessageSizeTooLargeError
        self.sent.append(outgoing)
        return Future().success(None)

    def publish(self, records: Any) -> None:
        self.sent += records


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

    def assigned(self, *numbers: int) -> None:
        self.consumer.there = {TopicPartition("image", number) for number in numbers}
        self.runtime._assignment.on_partitions_assigned(self.consumer.there)

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
        assert self.open.wait(20)


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
