"""Keeps what memory.py offers to handlers: one topic for a service, read when a partition is taken over."""

import json
import threading
from typing import Any

from kafka import TopicPartition

from .clients import connect_consumer
from .log import get_logger
from .producer import Outgoing, Producer
from .settings import KafkaSettings
from .topics import memory_of

log = get_logger(__name__)


class PartitionMemory:
    """What is remembered of the partitions of one number. Thread-safe."""

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
        """All that the topic holds of the partition, up to what was its end when reading began."""
        kept: dict[str, Any] = {}
        here = TopicPartition(self._settings.topic(self._topic), self._partition)
        with connect_consumer(self._settings) as consumer:
            consumer.assign([here])
            consumer.seek_to_beginning(here)
            # Not end_offsets: the embedded broker is wrong about them; the high water mark of a fetch is right.
            while (end := consumer.highwater(here)) is None or consumer.position(here) < end:
                for records in consumer.poll(timeout_ms=500).values():
                    kept.update((record.key.decode(), json.loads(record.value)) for record in records if record.value)
        log.debug("remembered", partition=self._partition, keys=len(kept))
        return kept
