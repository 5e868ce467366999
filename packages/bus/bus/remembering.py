"""Keeps what memory.py offers to handlers: one topic for a service, read when a partition is taken over."""

import json
import threading

from kafka import TopicPartition

from .clients import connect_consumer
from .log import get_logger
from .producer import Outgoing, Producer
from .settings import KafkaSettings
from .topics import memory_of

log = get_logger(__name__)


class PartitionMemory:
    """What is remembered of the events of one partition. Thread-safe."""

    def __init__(self, service: str, partition: int, settings: KafkaSettings, producer: Producer):
        self._topic = memory_of(service)
        self._partition = partition
        self._settings = settings
        self._producer = producer
        self._lock = threading.Lock()
        self._words: dict[str, list[str]] | None = None
        self._unsaved: set[str] = set()

    def words(self, event_id: str) -> list[str]:
        with self._lock:
            if self._words is None:
                self._words = self._read()
            if event_id in self._unsaved:
                self._save(event_id)
            return self._words.get(event_id, [])

    def remember(self, event_id: str, word: str) -> None:
        words = [*self.words(event_id), word]
        with self._lock:
            assert self._words is not None
            self._words[event_id] = words
            self._unsaved.add(event_id)  # should the broker be away, this process still knows
            self._save(event_id)

    def _save(self, event_id: str) -> None:
        assert self._words is not None
        value = json.dumps(self._words[event_id]).encode()
        self._producer.publish([Outgoing(self._topic, event_id.encode(), value, [], self._partition)])
        self._unsaved.discard(event_id)

    def _read(self) -> dict[str, list[str]]:
        """All that the topic holds of the partition, up to what was its end when reading began."""
        words: dict[str, list[str]] = {}
        here = TopicPartition(self._settings.topic(self._topic), self._partition)
        with connect_consumer(self._settings) as consumer:
            consumer.assign([here])
            consumer.seek_to_beginning(here)
            # Not end_offsets: the embedded broker is wrong about them; the high water mark of a fetch is right.
            while (end := consumer.highwater(here)) is None or consumer.position(here) < end:
                for records in consumer.poll(timeout_ms=500).values():
                    words.update((record.key.decode(), json.loads(record.value)) for record in records if record.value)
        log.debug("remembered", partition=self._partition, events=len(words))
        return words
