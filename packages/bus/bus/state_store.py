"""Keeps what state.py offers to handlers: one topic for a service, read when a partition is taken over."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from events.catalogue import memory_of
from kafka import TopicPartition
from kafka.errors import KafkaError
from service.log import get_logger

from .clients import connect_admin, connect_consumer
from .errors import RetryableError
from .kafka_fixes import UnreadableRecord
from .producer import NotPublished, Outgoing, Producer
from .settings import KafkaSettings
from .topics import MissingTopics, ensure

log = get_logger(__name__)

READ_TIMEOUT_SECONDS = 30.0
"""For the broker to answer, and between the records of a partition while it is read."""
CREATE_TIMEOUT_SECONDS = 5.0
MAX_BYTES = 8 * 1024 * 1024
"""Memory that what is remembered of one partition may take."""
ENTRY_OVERHEAD_BYTES = 300
"""Memory of an entry beside its key and value."""


class PartitionStore:
    """What is remembered of the partitions of one number. Thread-safe.

    Beyond MAX_BYTES the entries that were put least recently are dropped from memory, and read from the topic again
    when they are asked for. Both `get` and `put` raise RetryableError where the broker does not answer.
    """

    def __init__(self, service: str, partition: int, settings: KafkaSettings, producer: Producer):
        self._topic = memory_of(service)
        self._partition = partition
        self._settings = settings
        self._producer = producer
        self._lock = threading.Lock()
        self._kept: _Entries | None = None
        self._unsaved: dict[str, bytes] = {}
        """What the broker has not acknowledged. Should it be away, this process still knows."""

    def get(self, key: str) -> Any:
        with self._lock:
            value = self._find(key)
            if key in self._unsaved:
                self._save(key)
            return None if value is None else json.loads(value)

    def put(self, key: str, value: Any) -> None:
        with self._lock:
            self._find(key)
            self._unsaved[key] = json.dumps(value).encode()
            self._save(key)

    def _find(self, key: str) -> bytes | None:
        if key in self._unsaved:
            return self._unsaved[key]
        if self._kept is None:
            self._kept = self._read()
        self._kept.expire(self._settings.kafka_retention_hours * 3600)
        value = self._kept.get(key)
        if value is None and self._kept.may_have_dropped(key):
            self._kept = self._read(key)
            value = self._kept.get(key)
        return value

    def _save(self, key: str) -> None:
        assert self._kept is not None
        value = self._unsaved[key]
        try:
            self._producer.publish([Outgoing(self._topic, key.encode(), value, [], self._partition)])
        except NotPublished:
            with suppress(InterruptedError, KafkaError, MissingTopics):  # the topic may have been deleted
                self._ensure_topic(_late_after(CREATE_TIMEOUT_SECONDS))
            raise
        self._kept.put(key, value)
        del self._unsaved[key]

    def _read(self, wanted: str | None = None) -> "_Entries":
        """What the topic holds of the partition, up to what was its end when reading began, and `wanted` in any case.

        Anyone may publish: what is no memory is skipped. Raises RetryableError where no broker answers, or the topic
        has no such partition: then it is given one.
        """
        kept, found = _Entries(), None
        here = TopicPartition(self._settings.topic(self._topic), self._partition)
        deadline = time.monotonic() + READ_TIMEOUT_SECONDS

        def late() -> bool:
            return time.monotonic() > deadline

        try:
            # Read uncommitted: memories are not in transactions, and those after an open one of somebody must be known.
            with connect_consumer(self._settings, late, isolation_level="read_uncommitted") as consumer:
                if self._partition not in (consumer.partitions_for_topic(here.topic) or ()):
                    self._ensure_topic(late)
                    raise RetryableError(f"{here.topic} has no partition {self._partition}")
                consumer.assign([here])
                consumer.seek_to_beginning(here)
                # Not end_offsets: the embedded broker is wrong about them; the high water mark of a fetch is right.
                while (end := consumer.highwater(here)) is None or (consumer.position(here, 1_000) or 0) < end:
                    if late():
                        raise InterruptedError
                    for records in consumer.poll(timeout_ms=500).values():
                        deadline = time.monotonic() + READ_TIMEOUT_SECONDS
                        for record in records:
                            if memory := _memory(record):
                                kept.put(*memory)
                                found = memory if memory[0] == wanted else found
        except (InterruptedError, KafkaError, MissingTopics) as error:
            raise RetryableError(f"{here.topic} is not read: {type(error).__name__}") from error
        if found:
            kept.put(*found)
        log.debug("remembered", partition=self._partition, keys=len(kept))
        return kept

    def _ensure_topic(self, late: Callable[[], bool]) -> None:
        """Create the topic where it is missing; where the source has been given partitions, give it as many."""
        partitions = max(self._settings.kafka_partitions, self._partition + 1)
        with connect_admin(self._settings, late) as admin:
            ensure(admin, self._settings.model_copy(update={"kafka_partitions": partitions}), [self._topic])


class _Entries:
    """Values under keys, bounded in bytes; it knows of what it has dropped that it may have been there."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[bytes, float]] = {}
        """Value and time, in the order in which they were put."""
        self._bytes = 0
        self._dropped: _BloomFilter | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def keys(self) -> set[str]:
        return set(self._entries)

    def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        return entry[0] if entry else None

    def may_have_dropped(self, key: str) -> bool:
        return self._dropped is not None and key in self._dropped

    def put(self, key: str, value: bytes) -> None:
        self._pop(key)
        self._entries[key] = value, time.monotonic()
        self._bytes += _size(key, value)
        while self._bytes > MAX_BYTES and len(self._entries) > 1:
            oldest = next(iter(self._entries))
            self._pop(oldest)
            self._dropped = self._dropped or _BloomFilter()
            self._dropped.add(oldest)

    def expire(self, seconds: float) -> None:
        """Forget what has been here for so long: the topics have forgotten it too, and the events it is about."""
        while self._entries:
            key, (_value, at) = next(iter(self._entries.items()))
            if time.monotonic() - at < seconds:
                return
            self._pop(key)

    def _pop(self, key: str) -> None:
        if entry := self._entries.pop(key, None):
            self._bytes -= _size(key, entry[0])


class _BloomFilter:
    """A set of strings that may claim to have one it has not: of half a million, one in two thousand."""

    BITS = 2**23
    HASHES = 7

    def __init__(self) -> None:
        self._bits = bytearray(self.BITS // 8)

    def add(self, word: str) -> None:
        for place in self._places(word):
            self._bits[place // 8] |= 1 << place % 8

    def __contains__(self, word: str) -> bool:
        return all(self._bits[place // 8] & 1 << place % 8 for place in self._places(word))

    def _places(self, word: str) -> Iterator[int]:
        digest = hashlib.blake2b(word.encode(), digest_size=4 * self.HASHES).digest()
        for start in range(0, len(digest), 4):
            yield int.from_bytes(digest[start : start + 4], "big") % self.BITS


def _size(key: str, value: bytes) -> int:
    return ENTRY_OVERHEAD_BYTES + len(key) + len(value)


def _late_after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def _memory(record: Any) -> tuple[str, bytes] | None:
    """The key of a record and what it keeps under it."""
    try:
        if isinstance(record.value, UnreadableRecord):
            raise ValueError(record.value.reason)
        if not record.value:
            return None
        json.loads(record.value)
        return record.key.decode(), record.value
    except (ValueError, AttributeError, RecursionError) as error:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        log.warning("skipped", record=where, reason=f"{type(error).__name__}: {error}"[:200])
        return None
