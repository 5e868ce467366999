"""A loop that polls without waiting, and only when it is told to, joins its group and gets records at once."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bus.clients import connect_admin, connect_consumer
from bus.kafka_fixes import has_buffered_records, notify_arrivals
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from kafka import ConsumerRebalanceListener
from suite_fixtures import Broker, eventually

pytestmark = pytest.mark.broker


class Loop(ConsumerRebalanceListener):
    """Polls when told to; `idle_seconds` without a word is an error."""

    def __init__(self, settings: KafkaSettings, idle_seconds: float = 120):
        self.assigned = 0
        self.idle_seconds = idle_seconds
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.consumer = connect_consumer(settings, group_id=settings.group("arrivals"), session_timeout_ms=6_000)
        notify_arrivals(self.consumer, lambda: self._told.put(None))
        self.consumer.subscribe([settings.topic("image")], listener=self)
        self._told.put(None)

    def on_partitions_revoked(self, revoked: Any) -> None:
        pass

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.assigned += 1

    def until(self, reached: Callable[[list[Any]], Any], seconds: float = 60) -> list[Any]:
        """Turn until that is so of the records that have come."""
        found: list[Any] = []
        deadline = time.monotonic() + seconds
        while not reached(found):
            assert time.monotonic() < deadline
            if not has_buffered_records(self.consumer):
                self._told.get(timeout=self.idle_seconds)
                while not self._told.empty():
                    self._told.get()
            for records in self.consumer.poll(timeout_ms=0).values():
                found += records
        return found


@pytest.fixture
def settings(kafka_env: dict[str, str]) -> KafkaSettings:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image"])
    return settings


@pytest.fixture
def loop(settings: KafkaSettings) -> Iterator[Loop]:
    loop = Loop(settings)
    yield loop
    loop.consumer.close()


def test_records_come_at_once(settings: KafkaSettings, loop: Loop) -> None:
    loop.until(lambda _found: loop.assigned)
    producer = Producer(settings)
    for number in range(10):  # what is not told of is an error: nothing else makes it poll
        producer.publish([Outgoing("image", b"%d" % number, b"{}", [])])
        loop.until(len)
    producer.close()


def test_a_rejoin_is_told(loop: Loop) -> None:
    loop.until(lambda _found: loop.assigned)
    before = loop.assigned
    loop.consumer._coordinator.request_rejoin()
    loop.until(lambda _found: loop.assigned > before)


def test_another_member_is_told(settings: KafkaSettings, loop: Loop) -> None:
    loop.until(lambda _found: loop.assigned)
    other = connect_consumer(settings, group_id=settings.group("arrivals"), session_timeout_ms=6_000)
    other.subscribe([settings.topic("image")])
    before, done = loop.assigned, threading.Event()

    def poll() -> None:
        while not done.is_set():
            other.poll(timeout_ms=100)

    polling = threading.Thread(target=poll)
    polling.start()
    try:
        loop.until(lambda _found: loop.assigned > before and len(loop.consumer.assignment()) == 1)
    finally:
        done.set()
        polling.join()
        other.close()


def test_after_an_outage_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.address)
    settings = KafkaSettings(kafka_partitions=1, kafka_fetch_max_wait_ms=200)
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image"])
    loop = Loop(settings)
    try:
        loop.until(lambda _found: loop.assigned)
        broker.stop()
        stopped = time.monotonic()
        loop.until(lambda _found: time.monotonic() > stopped + 3)
        broker = Broker(broker.port)
        with connect_admin(settings) as admin:
            ensure(admin, settings, ["image"])
        producer = Producer(settings)
        eventually(lambda: producer.publish([Outgoing("image", b"k", b"{}", [])]))
        producer.close()
        loop.until(len, 60)
    finally:
        loop.consumer.close()
        broker.stop()
