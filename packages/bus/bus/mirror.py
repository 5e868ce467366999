"""A mirror shows a process what happens on topics, without a group: every replica sees every record."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from .clients import connect_admin, connect_consumer
from .log import get_logger
from .settings import KafkaSettings
from .topics import ensure

log = get_logger(__name__)


class Mirror:
    """Calls `heard(topic, record)` in a thread of its own for each record from now on; `topic` is the suite's name.

    Order is kept within a partition. After an outage it goes on where it was. What `heard` raises is logged, no more.
    """

    def __init__(self, settings: KafkaSettings, topics: Iterable[str], heard: Callable[[str, Any], None]):
        self._settings = settings
        self._topics = {settings.topic(name): name for name in topics}
        self._heard = heard
        self._stopping = threading.Event()
        self.listening = threading.Event()
        """Set when every record from now on will be heard."""

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="mirror").start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except InterruptedError:
                return
            except Exception:
                log.exception("the mirror failed and is made anew")
                self._stopping.wait(1)

    def _listen(self) -> None:
        with connect_admin(self._settings, self._stopping.is_set) as admin:
            ensure(admin, self._settings, self._topics.values())
        with connect_consumer(self._settings, self._stopping.is_set, auto_offset_reset="latest") as consumer:
            self._assign(consumer)
            while not self._stopping.is_set():
                try:
                    batches = consumer.poll(timeout_ms=500)
                except KafkaError as error:
                    log.warning("poll failed, trying again", error=str(error))
                    self._stopping.wait(0.5)
                    continue
                self._assign(consumer)
                for partition, records in batches.items():
                    for record in records:
                        self._tell(self._topics[partition.topic], record)

    def _assign(self, consumer: KafkaConsumer) -> None:
        """Read all partitions there are, those too that a topic has been given since."""
        there = {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in consumer.partitions_for_topic(topic) or ()
        }
        if there - consumer.assignment():
            consumer.assign(there)
        if there and not self.listening.is_set():
            for partition in there:
                consumer.position(partition, timeout_ms=5_000)
            self.listening.set()

    def _tell(self, topic: str, record: Any) -> None:
        try:
            self._heard(topic, record)
        except Exception:
            log.exception("a record was not understood", topic=topic, partition=record.partition, offset=record.offset)
