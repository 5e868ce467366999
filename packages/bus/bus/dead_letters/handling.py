"""What people do about dead letters: list them, look at one, replay, drop.

The topics of replays (replay.py) are the log of what was done. So a dead letter waits as long as no record there is of
it, a replay is one record, published once, and whoever is interrupted may do the same again.
"""

import math
import re
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Self

from events.catalogue import TOPICS, consumers, dead_letters_of, retries_of
from kafka import TopicPartition

from ..kafka_fixes import UnreadableRecord
from ..ports import Cluster, LogReader, Sender
from ..producer import TOO_LARGE, NotPublished, Outgoing
from ..record import Record, memory_bytes
from ..replay import Replay, dropped_record, is_dropped, letter_of, replay_record
from ..settings import KafkaSettings
from .letter import HEADER_PREFIX, LEFT_OUT, MAX_MESSAGE_CHARACTERS, REASONS, apart

MAX_LISTED = 1_000
MAX_READ_BYTES = 64 * 1024 * 1024
"""What a list reads at most of the topics of dead letters, and as much of those of replays: Kafka gives out no headers
without the values."""
MAX_COUNTED_BYTES = 16 * 1024 * 1024
"""What a count reads at most of the topics of replays of one service."""
STRETCH_BYTES = 4 * 1024 * 1024
MAX_STRETCH_RECORDS = 1_000
MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Replays that are published together."""
MAX_BATCH_RECORDS = 500
MAX_TOLD_CHARACTERS = MAX_MESSAGE_CHARACTERS + 100
UNREADABLE = re.compile(r"offsets? \d+ (to \d+ )?cannot be read: ")
"""How `dlq-message` begins where the value is the bytes that could not be read (UnreadableRecord)."""

State = Literal["waiting", "replayed", "dropped", "failed-again"]
STATES: tuple[State, ...] = ("waiting", "replayed", "dropped", "failed-again")
Trouble = Literal["left-out", "unreadable", "no-dead-letter", "nobody-reads", "too-large"]
"""Why a dead letter cannot be replayed."""
Outcome = Literal["replayed", "dropped", "replayed-before", "dropped-before", "missing"] | Trouble


class LetterId(NamedTuple):
    """Where a dead letter is; written `rotate-worker/0/12`."""

    service: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.service}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for what is no such id."""
        found = re.fullmatch(r"([^/\s]{1,200})/(\d{1,9})/(\d{1,18})", text)
        if not found:
            raise ValueError(f"{text!r} is not of the form SERVICE/PARTITION/OFFSET")
        return cls(found[1], int(found[2]), int(found[3]))


@dataclass(frozen=True)
class DeadLetter:
    """What the headers of a dead letter tell, without the record itself. Empty, or None, where they do not."""

    id: LetterId
    at_ms: int
    """When it became one, in milliseconds since 1970."""
    topic: str
    """Where the original was, as named on the cluster."""
    partition: int | None
    offset: int | None
    timestamp_ms: int | None
    group: str
    attempts: str
    error: str
    message: str
    replays: int
    """How often the original was replayed before."""
    replay_of: LetterId | None
    """The dead letter that was replayed last."""
    trouble: Trouble | None
    state: State = "waiting"

    @classmethod
    def of(cls, service: str, record: Any) -> Self:
        _original, told = apart(record.headers, HEADER_PREFIX, REASONS)
        told = {name: text[:MAX_TOLD_CHARACTERS] for name, text in told.items()}
        message, partition, offset = told.get("message", ""), _number(told, "partition"), _number(told, "offset")
        trouble: Trouble | None = None
        if "topic" not in told or partition is None or offset is None or isinstance(record.value, UnreadableRecord):
            trouble = "no-dead-letter"
        elif LEFT_OUT.search(message):
            trouble = "left-out"
        elif UNREADABLE.match(message):
            trouble = "unreadable"
        return cls(
            LetterId(service, record.partition, record.offset),
            record.timestamp,
            told.get("topic", ""),
            partition,
            offset,
            _number(told, "timestamp"),
            told.get("group", ""),
            told.get("attempts", ""),
            told.get("error", ""),
            message,
            _number(told, "replays") or 0,
            _id_or_none(told.get("replay-of", "")),
            trouble,
        )


@dataclass(frozen=True)
class Wanted:
    """Which dead letters: all that fit everything that is given."""

    services: tuple[str, ...] = ()
    """Of these; none: of all services of the suite."""
    reason: str | None = None
    """`dlq-error`, such as `Undecodable`."""
    since: float | None = None
    """Became one at this time or later, in seconds since 1970."""
    ids: frozenset[LetterId] | None = None

    @property
    def all_services(self) -> list[str]:
        if self.ids is not None:
            return sorted({one.service for one in self.ids})
        return sorted(self.services or consumers())

    def fits(self, letter: DeadLetter) -> bool:
        return (
            (self.ids is None or letter.id in self.ids)
            and (self.reason is None or letter.error == self.reason)
            and (self.since is None or letter.at_ms >= self.since * 1_000)
        )


@dataclass(frozen=True)
class Listing:
    """Dead letters, the newest first."""

    letters: list[DeadLetter]
    complete: bool
    """Whether these are all that were asked for: it ends at a limit of records, or of bytes."""


@dataclass(frozen=True)
class Whole:
    """A dead letter with the record in it."""

    letter: DeadLetter
    key: bytes | None
    headers: list[tuple[str, bytes]]
    """Those of the original."""
    value: bytes | None


class Result(NamedTuple):
    """What became of a dead letter that was to be replayed or dropped."""

    id: LetterId
    outcome: Outcome
    topic: str = ""
    """Where the original was, as named on the cluster."""

    @property
    def refused(self) -> bool:
        return self.outcome not in {"replayed", "dropped", "replayed-before", "dropped-before"}


Spans = Mapping[TopicPartition, tuple[int, int]]
"""The first offset of partitions, and the one after the last."""
Results = Generator[Result, None, None]


class DeadLetters:
    """The dead letters of a cluster. Every call raises ConnectionError where the cluster does not answer.

    One that is older than topics are kept is not there, though its segment of the log may be: what was done about it is
    forgotten.
    """

    def __init__(self, cluster: Cluster):
        self._cluster = cluster
        self._settings = cluster.settings

    def list(self, wanted: Wanted, limit: int = MAX_LISTED, max_bytes: int = MAX_READ_BYTES) -> Listing:
        """The newest, at most `limit`. Reads about `max_bytes` of dead letters at most, and as much of replays."""
        wanted = self._not_expired(wanted)
        newest = _Newest(limit)
        with self._cluster.log_reader() as reader:
            desks = _desks(wanted.all_services, self._settings, reader)
            desk_of = {one.topic: desk for desk in desks for one in (*desk.letters, *desk.retries)}

            def see(record: Any) -> None:
                desk = desk_of[record.topic]
                letter = desk.see(record)
                if wanted.fits(letter):
                    newest.add(letter)

            since_ms = (wanted.since or 0) * 1_000
            done = {partition: span for desk in desks for partition, span in desk.retries.items()}
            known_since = _newest_first(reader, done, since_ms, max_bytes, lambda one: desk_of[one.topic].note(one))
            letters = {partition: span for desk in desks for partition, span in desk.letters.items()}
            seen_since = _newest_first(reader, letters, since_ms, max_bytes, see)
            states = {desk.service: desk.marks for desk in desks}
        listed = [
            replace(letter, state=states[letter.id.service].of(letter.id))
            for letter in newest.sorted()
            if letter.at_ms >= known_since
        ]
        return Listing(listed, max(known_since, seen_since) <= since_ms and not newest.cut)

    def show(self, id: LetterId) -> Whole | None:
        """A dead letter with all that is in it; None where there is none."""
        wanted = self._not_expired(Wanted(ids=frozenset([id])))
        with self._cluster.log_reader() as reader:
            (desk,) = _desks([id.service], self._settings, reader)
            for record in desk.wanted(wanted):
                letter = DeadLetter.of(id.service, record)
                if not wanted.fits(letter):
                    continue
                desk.note_all()
                _newest_first(reader, desk.letters, letter.at_ms, MAX_READ_BYTES, desk.see)
                original, _told = apart(record.headers, HEADER_PREFIX, REASONS)
                return Whole(replace(letter, state=desk.marks.of(id)), record.key, original, record.value)
        return None

    def handled(self, services: Iterable[str], max_bytes: int = MAX_COUNTED_BYTES) -> dict[str, int | None]:
        """How many of the dead letters that each of `services` has were replayed or dropped: the others wait.

        None where that is not known: of a service it reads about `max_bytes` of replays at most.
        """
        with self._cluster.log_reader() as reader:
            numbers: dict[str, int | None] = {}
            for desk in _desks(services, self._settings, reader):
                known_since = _newest_first(reader, desk.retries, -math.inf, max_bytes, desk.note)
                numbers[desk.service] = desk.marks.marked if known_since == -math.inf else None
        return numbers

    def replay(self, wanted: Wanted) -> Results:
        """Have the services handle these again: those that wait. Of `ids` there is a result for each.

        Reads what the topics of replays hold of these services. May be interrupted, and called again.
        """
        return self._handle(wanted, "replayed", _replay)

    def drop(self, wanted: Wanted) -> Results:
        """Note that nothing is to be done about these any more: those that wait. Otherwise as `replay`."""
        return self._handle(wanted, "dropped", _drop)

    def _handle(self, wanted: Wanted, done: Outcome, record_for: "_RecordFor") -> Results:
        wanted = self._not_expired(wanted)
        with self._cluster.log_reader() as reader, closing(_Publisher(self._cluster.producer(), done)) as publisher:
            for service in wanted.all_services:
                (desk,) = _desks([service], self._settings, reader)
                desk.note_all()
                missing = {id for id in wanted.ids or () if id.service == service}
                for record in desk.wanted(wanted):
                    letter = DeadLetter.of(service, record)
                    if not wanted.fits(letter):
                        continue
                    missing.discard(letter.id)
                    state = desk.marks.of(letter.id)
                    if state == "waiting":
                        yield from publisher.add(letter, record_for(desk, letter, record))
                    elif wanted.ids is not None:
                        yield Result(letter.id, "dropped-before" if state == "dropped" else "replayed-before")
                yield from publisher.flush()
                yield from (Result(id, "missing") for id in sorted(missing))

    def _not_expired(self, wanted: Wanted) -> Wanted:
        kept_since = time.time() - self._settings.kafka_retention_hours * 3600
        return replace(wanted, since=max(kept_since, wanted.since or 0))


class _Desk:
    """The dead letters of one service, and what was done about them."""

    def __init__(self, service: str, settings: KafkaSettings, reader: LogReader, there: Collection[str]):
        """`there`: all topics of the cluster, as named on it."""
        self.service = service
        self._settings = settings
        self._reader = reader
        own = settings.topic(retries_of(service, ""))
        self._retry_topics = {one: retries_of(service, one.removeprefix(own)) for one in there if one.startswith(own)}
        self._retry_topics |= {settings.topic(name): name for name in (retries_of(service, one) for one in TOPICS)}
        self._sources = {settings.topic(name): name for name in TOPICS}
        self.letters: Spans = {}
        self.retries: Spans = {}
        self.marks = _Marks(service, {})

    @property
    def topics(self) -> list[str]:
        """Those that tell of its dead letters, by their names in the suite."""
        return [dead_letters_of(self.service), *sorted(self._retry_topics.values())]

    def open(self, spans: Spans) -> None:
        """Begin, with where the partitions of its topics begin and end."""
        own = self._settings.topic(dead_letters_of(self.service))
        self.letters = {one: span for one, span in spans.items() if one.topic == own}
        self.retries = {one: span for one, span in spans.items() if one.topic in self._retry_topics}
        self.marks = _Marks(self.service, self.letters)

    def wanted(self, wanted: Wanted) -> Iterator[Any]:
        """The records to look at; where certain ones are asked for, no others."""
        for partition, (begin, end) in self.letters.items():
            if wanted.ids is None:
                yield from self._reader.read(partition, begin, end)
                continue
            for id in sorted(wanted.ids):
                if (id.service, id.partition) == (self.service, partition.partition) and begin <= id.offset < end:
                    yield from self._reader.read(partition, id.offset, id.offset + 1)

    def see(self, record: Any) -> DeadLetter:
        """Note that the replay of another one has become this one."""
        letter = DeadLetter.of(self.service, record)
        if letter.replay_of:
            self.marks.mark(letter.replay_of, "failed-again")
        return letter

    def note(self, record: Any) -> None:
        """Note what a record on a topic of replays says was done."""
        if id := _id_or_none(letter_of(record) or ""):
            self.marks.mark(id, "dropped" if is_dropped(record) else "replayed")

    def note_all(self) -> None:
        for partition, (begin, end) in self.retries.items():
            for record in self._reader.read(partition, begin, end):
                self.note(record)

    def retry_topic(self, letter: DeadLetter) -> str | None:
        """The topic, by its name in the suite, on which the service reads the original again; None where it does not:
        it reads another topic, or the cluster does not have that partition."""
        name = self._retry_topics.get(letter.topic)
        if name is None:
            source = self._sources.get(letter.topic) or letter.topic.removeprefix(self._settings.kafka_topic_prefix)
            name = retries_of(self.service, source)
        there = letter.partition is not None and (self._settings.topic(name), letter.partition) in self.retries
        return name if there else None

    def any_retry_partition(self) -> tuple[str, int] | None:
        """Where anything at all may be noted."""
        first = next(iter(self.retries), None)
        return first and (self._retry_topics[first.topic], first.partition)


def _desks(services: Iterable[str], settings: KafkaSettings, reader: LogReader) -> list[_Desk]:
    """A desk for each service; the cluster is asked once for all."""
    there = reader.topics()
    desks = [_Desk(service, settings, reader, there) for service in services]
    spans = reader.ranges([topic for desk in desks for topic in desk.topics])
    for desk in desks:
        desk.open(spans)
    return desks


_RecordFor = Callable[[_Desk, DeadLetter, Any], Outgoing | Trouble]


def _replay(desk: _Desk, letter: DeadLetter, record: Any) -> Outgoing | Trouble:
    """The record that replays the dead letter in `record`."""
    topic = desk.retry_topic(letter)
    if letter.trouble:
        return letter.trouble
    if topic is None:
        return "nobody-reads"
    assert letter.partition is not None  # one of no partition is in trouble
    assert letter.offset is not None
    headers, _told = apart(record.headers, HEADER_PREFIX, REASONS)
    place = letter.topic, letter.partition, letter.offset, letter.timestamp_ms
    original = Record(*place, record.key, record.value, headers)
    return replay_record(topic, Replay(str(letter.id), letter.replays + 1, letter.group), original)


def _drop(desk: _Desk, letter: DeadLetter, record: Any) -> Outgoing | Trouble:
    """The record that says that the dead letter was dropped: anywhere, where it has no place of its own."""
    topic = desk.retry_topic(letter)
    place = (topic, letter.partition or 0) if topic else desk.any_retry_partition()
    return dropped_record(*place, str(letter.id), record.key) if place else "nobody-reads"


class _Publisher:
    """Publishes in batches, and tells what became of each."""

    def __init__(self, producer: Sender, done: Outcome):
        self._producer = producer
        self._done = done
        self._batch: list[tuple[DeadLetter, Outgoing]] = []
        self._bytes = 0

    def add(self, letter: DeadLetter, record: Outgoing | Trouble) -> Iterator[Result]:
        """Yields results, those of the ones before too. Raises ConnectionError where the broker does not answer."""
        if not isinstance(record, Outgoing):
            yield Result(letter.id, record, letter.topic)
            return
        self._batch.append((letter, record))
        self._bytes += memory_bytes(record)
        if self._bytes >= MAX_BATCH_BYTES or len(self._batch) >= MAX_BATCH_RECORDS:
            yield from self.flush()

    def flush(self) -> Iterator[Result]:
        batch, self._batch, self._bytes = self._batch, [], 0
        try:
            self._producer.publish([record for _letter, record in batch])
        except TOO_LARGE:
            for letter, record in batch:
                yield Result(letter.id, self._publish_one(record), letter.topic)
            return
        except NotPublished as error:
            raise ConnectionError(str(error)) from error
        yield from (Result(letter.id, self._done, letter.topic) for letter, _record in batch)

    def close(self) -> None:
        self._producer.close()

    def _publish_one(self, record: Outgoing) -> Outcome:
        try:
            self._producer.publish([record])
        except TOO_LARGE:
            return "too-large"
        except NotPublished as error:
            raise ConnectionError(str(error)) from error
        return self._done


class _Marks:
    """The states of the dead letters of a service: a byte for each."""

    def __init__(self, service: str, spans: Spans):
        self._service = service
        self._states = {one.partition: (begin, bytearray(end - begin)) for one, (begin, end) in spans.items()}

    def mark(self, id: LetterId, state: State) -> None:
        """Note a state, unless one that says more is known. An id that is none of these may come from anyone."""
        begin, states = self._states.get(id.partition, (0, bytearray()))
        if id.service == self._service and 0 <= id.offset - begin < len(states):
            states[id.offset - begin] = max(states[id.offset - begin], STATES.index(state))

    @property
    def marked(self) -> int:
        """How many do not wait."""
        return sum(len(states) - states.count(STATES.index("waiting")) for _begin, states in self._states.values())

    def of(self, id: LetterId) -> State:
        begin, states = self._states[id.partition]
        return STATES[states[id.offset - begin]] if 0 <= id.offset - begin < len(states) else "waiting"


class _Newest:
    """The newest of what is added, at most `limit`."""

    def __init__(self, limit: int):
        self._limit = limit
        self._kept: list[DeadLetter] = []
        self.cut = False
        """Whether there were more."""

    def add(self, letter: DeadLetter) -> None:
        self._kept.append(letter)
        if len(self._kept) >= 2 * self._limit:
            self._kept = self.sorted()

    def sorted(self) -> list[DeadLetter]:
        """The newest first."""
        self.cut = self.cut or len(self._kept) > self._limit
        return sorted(self._kept, key=lambda one: (-one.at_ms, one.id))[: self._limit]


def _newest_first(
    reader: LogReader,
    spans: Spans,
    since_ms: float,
    max_bytes: int,
    visit: Callable[[Any], object],
) -> float:
    """Visit the records of partitions from their ends backwards, a stretch at a time, until `max_bytes` are read.

    Returns the time (ms) since which all have been visited: `since_ms`, where there was enough room.
    """
    stretches = {partition: (begin, end, 1, math.inf) for partition, (begin, end) in spans.items() if begin < end}
    while stretches and max_bytes > 0:
        for partition, (begin, end, count, _oldest) in list(stretches.items()):
            low, size, oldest = max(begin, end - count), 0, math.inf
            for record in reader.read(partition, low, end):
                size, oldest = size + memory_bytes(record), min(oldest, record.timestamp)
                visit(record)
            max_bytes -= size
            if low <= begin or oldest < since_ms:
                del stretches[partition]
            else:
                fitting = STRETCH_BYTES * (end - low) // max(1, size)
                stretches[partition] = (begin, low, min(max(fitting, 1), 4 * count, MAX_STRETCH_RECORDS), oldest)
    return max((oldest for _begin, _end, _count, oldest in stretches.values()), default=since_ms)


def _number(told: Mapping[str, str], name: str) -> int | None:
    try:
        return int(told[name])
    except (KeyError, ValueError):
        return None


def _id_or_none(text: str) -> LetterId | None:
    try:
        return LetterId.parse(text)
    except ValueError:
        return None
