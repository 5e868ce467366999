"""A broker in memory, for the tests of handlers, workers and mirrors: no container, no port, failures on demand.

    broker = Broker()
    broker.publish("image", ImageUploaded(new_file="a.png"))
    with broker.running(worker):
        broker.wait_until_handled(worker)
    assert [event.status for event in broker.events("notification")] == ["done"]
    assert broker.dead_letters(worker) == []

A mirror is given the broker in place of a cluster: `Mirror(broker, ["notification"], heard, from_start=True)`.

It keeps what a service relies on: partitions by key, offsets, consumer groups with their commits, rebalances, records
too large. It is no Kafka: there is no network, no retention, no transaction.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from zlib import crc32

from events import Event
from events.catalogue import TOPICS, dead_letters_of, memory_of, retries_of
from kafka import TopicPartition
from kafka.errors import IllegalStateError, KafkaConnectionError, KafkaError, MessageSizeTooLargeError
from kafka.future import Future

from .errors import RetryableError
from .producer import TOO_LARGE, NotPublished, Outgoing, Position
from .record import Record, memory_bytes, timestamp_seconds
from .runtime import Runtime
from .settings import KafkaSettings
from .topics import MAX_DEAD_LETTER_BYTES, takes_dead_letters
from .worker import Worker

MAX_RECORD_BYTES = 1_048_588
"""What a Kafka broker takes by default; topics of dead letters take MAX_DEAD_LETTER_BYTES."""
MAX_POLL_RECORDS = 500
MAX_POLL_BYTES = 4 * 1024 * 1024


class Broker:
    """Topics, and the groups that read them. Thread-safe. Topics are called by their names in the suite."""

    def __init__(self, partitions: int = 2, settings: KafkaSettings | None = None):
        """`partitions` of every topic."""
        self.settings = settings or KafkaSettings.load()
        self.partitions = partitions
        self.away = False
        """Whether it does not answer: polls, commits and publishing fail."""
        self.refuse: Callable[[Outgoing], Exception | None] = lambda _record: None
        """The error that a record is refused with, or None: failures of publishing on demand."""
        self.holds_acknowledgements = False
        """Whether publishing is not acknowledged until `acknowledge` is called."""
        self.poll_error = ""
        """The error that polls fail with."""
        self.rebalancing = False
        """Whether groups are about to move partitions, until `rebalance` does it."""
        self.refused_logins = 0
        """How many logins were refused that no consumer has been told of."""
        self.polls = 0
        """How often consumers have polled."""
        self.bytes_read = 0
        """About how much memory the records took that log readers have read."""
        self.logins = 0
        """How often a consumer has logged in again."""
        self._held: list[tuple[Future, Position]] = []
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._logs: dict[TopicPartition, list[Record]] = defaultdict(list)
        self._committed: dict[str, dict[TopicPartition, int]] = defaultdict(dict)
        self._groups: dict[str, list[GroupMember]] = defaultdict(list)
        self._generations: dict[str, int] = defaultdict(int)

    # What a test puts in and takes out.

    def publish(self, topic: str, *events: Event, source: str = "test") -> list[Position]:
        """Publish events as a service does."""
        return [self._append(Outgoing.of(topic, event.encoded(), source)) for event in events]

    def append(  # noqa: PLR0913, PLR0917 - the parts of a record
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] = (),
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> Position:
        """Put a record into the log as any program may have published it."""
        return self._append(Outgoing(topic, key, value, list(headers), partition, timestamp_ms))

    def records(self, topic: str) -> list[Record]:
        """All records of a topic, partition by partition."""
        with self._lock:
            return [record for one in self._partitions(topic) for record in self._logs[one]]

    def events(self, topic: str) -> list[Any]:
        """What the records of a topic of the catalogue say."""
        return [TOPICS[topic].event.decode(record.value, timestamp_seconds(record)) for record in self.records(topic)]

    def dead_letters(self, worker: Worker) -> list[Record]:
        return self.records(dead_letters_of(worker.name))

    def committed(self, worker: Worker, topic: str) -> dict[int, int]:
        """The offsets that the worker's group has committed, by partition."""
        with self._lock:
            committed = self._committed[self.settings.group(worker.name)]
            return {one.partition: committed[one] for one in self._partitions(topic) if one in committed}

    def commit_as(self, worker: Worker, topic: str, partition: int, offset: int) -> None:
        """Have the worker's group commit, as another consumer of it might."""
        self._commit(self.settings.group(worker.name), {TopicPartition(self.settings.topic(topic), partition): offset})

    # Running.

    def start(self, worker: Worker) -> Runtime:
        """The worker's runtime, ready to `turn` step by step. Call its `stop` in the end."""
        runtime = Runtime(worker.name, worker.handlers, self.settings, self)
        runtime.start()
        return runtime

    @contextmanager
    def running(self, worker: Worker) -> Iterator[Runtime]:
        """The worker, running in a thread. What ends its loop is raised when the block ends."""
        runtime = self.start(worker)
        failed: list[BaseException] = []

        def run() -> None:
            try:
                while not runtime.stopping.is_set():
                    runtime.turn()
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=run, name=worker.name)
        thread.start()
        try:
            yield runtime
        finally:
            runtime.end()
            thread.join()
            runtime.stop()
        if failed:
            raise failed[0]

    def wait_until_handled(self, worker: Worker, timeout_seconds: float = 30.0) -> None:
        """Wait until the worker has committed all records of the topics that it reads. Raises TimeoutError."""

        def handled() -> bool:
            return all(
                self.committed(worker, topic).get(one.partition, 0) == len(self._logs[one])
                for source in worker.handlers
                for topic in (source, retries_of(worker.name, source))
                for one in self._partitions(topic)
            )

        with self._changed:
            if not self._changed.wait_for(handled, timeout_seconds):
                raise TimeoutError(f"{worker.name} has not handled all within {timeout_seconds:.0f} s")

    # Failures on demand.

    def acknowledge(self) -> None:
        """Acknowledge what was held."""
        with self._lock:
            held, self._held = self._held, []
        for future, position in held:
            future.success(position)

    def rebalance(self, worker: Worker, *partitions: int, generations: int = 1) -> None:
        """Have the worker's only consumer keep these partitions of all its topics; as if that took so many generations.

        More than one: others have had the partitions in between.
        """
        self.rebalancing = False
        (member,) = self._groups[self.settings.group(worker.name)]
        member.assign({one for one in self._subscribed(member) if one.partition in partitions}, generations)

    def evict(self, worker: Worker) -> None:
        """Have the worker's only consumer lose all partitions, as after a missed heartbeat."""
        (member,) = self._groups[self.settings.group(worker.name)]
        member.lose()

    # What a service is given (ports.Cluster).

    def producer(self) -> "MemoryProducer":
        return MemoryProducer(self)

    def consumer(self, group: str, client_id: str, stopping: Callable[[], bool]) -> "GroupMember":
        return GroupMember(self, group)

    def reader(
        self,
        topics: Collection[str],
        begin_at: Mapping[TopicPartition, int],
        from_start: bool,
        stopping: Callable[[], bool],
    ) -> "MemoryReader":
        return MemoryReader(self, topics, begin_at, from_start)

    def readable_ends(
        self, positions: Mapping[TopicPartition, int], late: Callable[[], bool]
    ) -> dict[TopicPartition, int]:
        self._answer()
        with self._lock:
            return {one: len(self._logs[one]) for one in positions}

    def ensure_topics(
        self, service: str, consumed: list[str], published: list[str], stateful: bool, stopping: Callable[[], bool]
    ) -> None:
        """All topics are there."""

    def log_reader(self) -> "MemoryLogReader":
        return MemoryLogReader(self)

    def open_store(self, service: str, producer: Any, partition: int) -> "MemoryStore":
        return MemoryStore(self, memory_of(service), partition)

    def log_in_again(self, stopping: Callable[[], bool]) -> None:
        self.logins += 1

    # Inside.

    def _append(self, outgoing: Outgoing) -> Position:
        with self._changed:
            number = outgoing.partition
            if number is None:
                number = crc32(outgoing.key or b"") % self.partitions
            partition = TopicPartition(self.settings.topic(outgoing.topic), number)
            log = self._logs[partition]
            timestamp = time.time_ns() // 1_000_000 if outgoing.timestamp_ms is None else outgoing.timestamp_ms
            topic, headers = partition.topic, list(outgoing.headers)
            log.append(Record(topic, number, len(log), timestamp, outgoing.key, outgoing.value, headers))
            self._changed.notify_all()
            members = [member for group in self._groups.values() for member in group]
        for member in members:
            member.notify()
        return Position(outgoing.topic, number, len(log) - 1)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self.settings.topic(topic), number) for number in range(self.partitions)]

    def _subscribed(self, member: "GroupMember") -> set[TopicPartition]:
        return {TopicPartition(topic, number) for topic in member.topics for number in range(self.partitions)}

    def _commit(self, group: str, positions: Mapping[TopicPartition, int]) -> None:
        self._answer()
        with self._changed:
            self._committed[group].update(positions)
            self._changed.notify_all()

    def _join(self, member: "GroupMember") -> None:
        """A member comes: the partitions are shared out anew."""
        with self._lock:
            members = self._groups[member.group]
            members.append(member)
        self._share_out(members)

    def _leave(self, member: "GroupMember") -> None:
        with self._lock:
            members = self._groups[member.group]
            if member in members:
                members.remove(member)
        self._share_out(members)

    def _share_out(self, members: "list[GroupMember]") -> None:
        for number, member in enumerate(members):
            mine = {one for one in self._subscribed(member) if one.partition % len(members) == number}
            member.assign(mine, 1)

    def _next_generation(self, group: str, generations: int) -> int:
        self._generations[group] += generations
        return self._generations[group]

    def _answer(self) -> None:
        if self.away:
            raise KafkaConnectionError("the broker is away")


class GroupMember:
    """A consumer of a group (ports.Consumer)."""

    def __init__(self, broker: Broker, group: str):
        self.group = group
        self.topics: list[str] = []
        self.paused: set[TopicPartition] = set()
        self.notify: Callable[[], None] = lambda: None
        self._broker = broker
        self._positions: dict[TopicPartition, int] = {}
        self._generation = 0
        self._listener: Any = None

    def subscribe(self, topics: Iterable[str], listener: Any, notify: Callable[[], None]) -> None:
        self.topics, self._listener, self.notify = list(topics), listener, notify
        self._broker._join(self)

    def assign(self, partitions: set[TopicPartition], generations: int) -> None:
        """The group gives this member its partitions; those that it keeps are read on where it stands."""
        if self._generation:
            self._listener.on_partitions_revoked(self._positions.keys())
        with self._broker._lock:
            self._generation = self._broker._next_generation(self.group, generations)
            committed = self._broker._committed[self.group]
            self._positions = {one: self._positions.get(one, committed.get(one, 0)) for one in partitions}
        self._listener.on_partitions_assigned(partitions)

    def lose(self) -> None:
        partitions = set(self._positions)
        self._positions = {}
        self._listener.on_partitions_lost(partitions)

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, list[Any]]:
        self._broker.polls += 1
        self._broker._answer()
        if self._broker.poll_error:
            raise KafkaConnectionError(self._broker.poll_error)
        found: dict[TopicPartition, list[Any]] = {}
        left = MAX_POLL_BYTES
        with self._broker._lock:
            for partition in self._positions.keys() - self.paused:
                at = self._positions[partition]
                for record in self._broker._logs[partition][at : at + MAX_POLL_RECORDS]:
                    if left > 0:
                        found.setdefault(partition, []).append(record)
                        self._positions[partition] += 1
                        left -= memory_bytes(record)
        return found

    def rebalancing(self) -> bool:
        return self._broker.rebalancing

    def has_more(self) -> bool:
        with self._broker._lock:
            return any(self._positions[one] < len(self._broker._logs[one]) for one in self.flowing())

    def fetch_only(self, wanted: Callable[[TopicPartition], bool]) -> bool:
        before = self.paused
        self.paused = {partition for partition in self._positions if not wanted(partition)}
        return bool(before - self.paused)

    def flowing(self) -> set[TopicPartition]:
        return self._positions.keys() - self.paused

    def offsets(self) -> dict[TopicPartition, tuple[int, int | None]]:
        with self._broker._lock:
            return {one: (at, len(self._broker._logs[one])) for one, at in self._positions.items()}

    def behind(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        self._broker._answer()
        if missing := set(partitions) - self._positions.keys():
            raise TypeError(f"no position in {missing}")
        return {one: at for one in partitions if (at := self._positions[one]) < len(self._broker._logs[one])}

    def commit(self, positions: Mapping[TopicPartition, int], done: Callable[[Exception | None], None]) -> None:
        try:
            self._broker._commit(self.group, positions)
        except KafkaError as error:
            done(error)
        else:
            done(None)

    def commit_now(self, positions: Mapping[TopicPartition, int]) -> None:
        self._broker._commit(self.group, positions)

    def member(self) -> tuple[str, int]:
        return f"{self.group}-{id(self)}", self._generation

    def rejoin(self) -> None:
        """The broker has this member join by itself."""

    def restart_from_committed(self, partitions: Iterable[TopicPartition]) -> None:
        with self._broker._lock:
            committed = self._broker._committed[self.group]
            self._positions = {one: committed.get(one, 0) for one in partitions}

    def login_refused(self) -> bool:
        refused, self._broker.refused_logins = self._broker.refused_logins, 0
        return bool(refused)

    def close(self) -> None:
        self._broker._leave(self)


class MemoryReader:
    """Reads topics without a group (ports.Reader)."""

    def __init__(
        self, broker: Broker, topics: Collection[str], begin_at: Mapping[TopicPartition, int], from_start: bool
    ):
        self._broker = broker
        self._positions: dict[TopicPartition, int] = {}
        with broker._lock:
            for one in (one for topic in topics for one in broker._partitions(topic)):
                self._positions[one] = begin_at.get(one, 0 if from_start else len(broker._logs[one]))

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, list[Any]]:
        self._broker._answer()
        with self._broker._changed:
            self._broker._changed.wait_for(self._new_records, timeout_ms / 1000)
            found = self._new_records()
            for partition, records in found.items():
                self._positions[partition] += len(records)
        return found

    def look_for_partitions(self) -> None:
        """All are there from the start."""

    def positions(self) -> dict[TopicPartition, int]:
        return dict(self._positions)

    def ends(self) -> dict[TopicPartition, int | None]:
        with self._broker._lock:
            return {one: len(self._broker._logs[one]) for one in self._positions}

    def login_refused(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held."""

    def _new_records(self) -> dict[TopicPartition, list[Record]]:
        new = {one: self._broker._logs[one][at : at + MAX_POLL_RECORDS] for one, at in self._positions.items()}
        return {one: records for one, records in new.items() if records}


class MemoryLogReader:
    """Reads what topics hold, in stretches (ports.LogReader)."""

    def __init__(self, broker: Broker):
        self._broker = broker
        self._check()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Nothing is held."""

    def topics(self) -> set[str]:
        with self._broker._lock:
            return {partition.topic for partition in self._broker._logs}

    def ranges(self, topics: Collection[str]) -> Mapping[TopicPartition, tuple[int, int]]:
        with self._broker._lock:
            partitions = [one for topic in topics for one in self._broker._partitions(topic)]
            return {one: (0, len(self._broker._logs[one])) for one in partitions}

    def read(self, partition: TopicPartition, begin: int, end: int) -> Iterator[Record]:
        self._check()
        with self._broker._lock:
            records = self._broker._logs[partition][begin:end]
        self._broker.bytes_read += sum(map(memory_bytes, records))
        yield from records

    def _check(self) -> None:
        if self._broker.away:
            raise ConnectionError("the broker is away")


class MemoryProducer:
    """Publishes to the broker in memory (ports.Sender)."""

    def __init__(self, broker: Broker):
        self._broker = broker
        self._closed = False

    def send(self, outgoing: Outgoing) -> Future:
        if self._closed:
            raise IllegalStateError("the producer is closed")
        self._broker._answer()
        future = Future()
        size = len(outgoing.value or b"") + len(outgoing.key or b"")
        size += sum(len(name) + len(value) for name, value in outgoing.headers)
        if size > MAX_DEAD_LETTER_BYTES:
            raise MessageSizeTooLargeError(f"{size} bytes")
        assert type(outgoing.value) in (bytes, type(None)), "kafka-python takes nothing else"
        error = self._broker.refuse(outgoing)
        if size > MAX_RECORD_BYTES and not takes_dead_letters(outgoing.topic):
            error = MessageSizeTooLargeError(f"{size} bytes")
        if error:
            return future.failure(error)
        position = self._broker._append(outgoing)
        if self._broker.holds_acknowledgements:
            self._broker._held.append((future, position))
            return future
        return future.success(position)

    def publish(self, records: Iterable[Outgoing]) -> list[Position]:
        try:
            futures = [self.send(record) for record in records]
        except TOO_LARGE:
            raise
        except KafkaError as error:
            raise NotPublished(str(error)) from error
        for future in futures:
            if not future.is_done:
                raise NotPublished("not acknowledged")
            if isinstance(future.exception, TOO_LARGE):
                raise future.exception
            if future.failed():
                raise NotPublished(str(future.exception))
        return [future.value for future in futures]

    def close(self, timeout: float = 3.0) -> None:
        """Nothing is buffered."""
        self._closed = True


class MemoryStore:
    """The state of a partition: what was last published under each key (ports.Store)."""

    def __init__(self, broker: Broker, topic: str, partition: int):
        self._broker = broker
        self._topic = topic
        self._partition = partition

    def get(self, key: str) -> Any:
        if self._broker.away:
            raise RetryableError("the broker is away")
        kept = [one for one in self._broker.records(self._topic) if one.partition == self._partition]
        values = [one.value for one in kept if one.key == key.encode()]
        return json.loads(values[-1] or b"null") if values else None

    def put(self, key: str, value: Any) -> None:
        record = Outgoing(self._topic, key.encode(), json.dumps(value).encode(), [], self._partition)
        MemoryProducer(self._broker).publish([record])
