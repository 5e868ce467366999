"""The producer and a broker that stands still: all who publish are told the same, and nothing is left behind."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from bus.clients import connect_admin
from bus.producer import NotPublished, Outgoing, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from suite_fixtures import Broker, eventually

pytestmark = pytest.mark.broker

RECORD = Outgoing("image", None, b"{}", [])


def network_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.endswith("-network-thread")}


def test_a_broker_that_stalls_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    broker, before = Broker(), network_threads()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.address)
    settings = KafkaSettings()
    producer = Producer(settings, timeout=60)
    try:
        with connect_admin(settings) as admin:
            ensure(admin, settings, ["image"])
        producer.publish([RECORD])
        (stalled,) = network_threads() - before
        broker.pause()
        producer._timeout = 2
        asked = []
        with ThreadPoolExecutor(5) as people:
            for _ in range(5):  # so that others are in flight when the first is given up
                asked.append(people.submit(producer.publish, [RECORD]))
                time.sleep(0.1)
        assert [type(one.exception()) for one in asked] == [NotPublished] * 5
        broker.resume()
        producer._timeout = 60
        eventually(lambda: not stalled.is_alive())
        assert producer.publish([RECORD])
    finally:
        producer.close()
        broker.stop()
