"""Keeps what memory.py offers to handlers: one topic for a service, read when a partition is taken over."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError

from .clients import connect_admin, connect_consumer
from .errors import Passing
from .log import get_logger
from .producer import Outgoing, Producer
from .settings import KafkaSettings
from .topics import MissingTopics, ensure, memory_of
from .unreadable import Unreadable

log = get_logger(__name__)

PATIENCE = 30.0
"""Seconds that the broker has to answer, and between the records of a partition while it is read."""


class PartitionMemory:
    """What is remembered of the partitions of one number. Thread-safe.

    Both `get` and `put` raise Passing where the broker does not answer.
    """

    def __init__(self, service: str, partition: int, settings: KafkaSettings, producer: Producer):
        self._topic = memory_of(service)
        self._partition = partition
        self._settings = settings
        self._producer = producer
        self._lock = threading.Lock()
        self._kept: dict[str, Any] | None = None
        self._unsaved: set[str] = set()

    def get(self, key: str) -> Any:
        with self._lock:
            if self._kept is None:
                self._kept = self._read()
            if key in self._unsaved:
                self._save(key)
            return self._kept.get(key)

    def put(self, key: str, value: Any) -> None:
        self.get(key)
        with self._lock:
            assert self._kept is not None
            self._kept[key] = value
            self._unsaved.add(key)  # should the broker be away, this process still knows
            self._save(key)

    def _save(self, key: str) -> None:
        assert self._kept is not None
        value = json.dumps(self._kept[key]).encode()
        self._producer.publish([Outgoing(self._topic, key.encode(), value, [], self._partition)])
        self._unsaved.discard(key)

    def _read(self) -> dict[str, Any]:
        """All that the topic holds of the partition, up to what was its end when reading began.

        Anyone may publish: what is no memory is passed over. Raises Passing where no broker answers, or the topic has
        no such partition: then it is given one.
        """
        kept: dict[str, Any] = {}
        here = TopicPartition(self._settings.topic(self._topic), self._partition)
        deadline = time.monotonic() + PATIENCE

        def late() -> bool:
            return time.monotonic() > deadline

        try:
            with connect_consumer(self._settings, late) as consumer:
                if self._partition not in consumer.partitions_for_topic(here.topic):
                    self._widen(late)
                    raise Passing(f"{here.topic} has no partition {self._partition}")
                consumer.assign([here])
                consumer.seek_to_beginning(here)
                # Not end_offsets: the embedded broker is wrong about them; the high water mark of a fetch is right.
                while (end := consumer.highwater(here)) is None or (consumer.position(here, 1_000) or 0) < end:
                    if late():
                        raise InterruptedError
                    for records in consumer.poll(timeout_ms=500).values():
                        deadline = time.monotonic() + PATIENCE
                        for record in records:
                            kept |= _memory(record)
        except (InterruptedError, KafkaError, MissingTopics) as error:
            raise Passing(f"{here.topic} is not read: {type(error).__name__}") from error
        log.debug("remembered", partition=self._partition, keys=len(kept))
        return kept

    def _widen(self, late: Callable[[], bool]) -> None:
        """The source has been given partitions: this topic needs as many."""
        wide = self._settings.model_copy(update={"kafka_partitions": self._partition + 1})
        with connect_admin(self._settings, late) as admin:
            ensure(admin, wide, [self._topic])


def _memory(record: Any) -> dict[str, Any]:
    """What a record keeps under its key."""
    try:
        if isinstance(record.value, Unreadable):
            raise ValueError(record.value.reason)
        return {record.key.decode(): json.loads(record.value)} if record.value else {}
    except (ValueError, AttributeError, RecursionError) as error:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        log.warning("passed over", record=where, reason=f"{type(error).__name__}: {error}"[:200])
        return {}
