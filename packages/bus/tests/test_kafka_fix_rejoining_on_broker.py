"""Rebalances that kafka-python forgets, and positions that it keeps over generations without the consumer."""

from collections.abc import Iterator
from typing import Any

import pytest
from bus.clients import connect_admin, connect_consumer
from bus.kafka_fixes import rejoin, restart_from_committed
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from kafka import ConsumerRebalanceListener, OffsetAndMetadata, TopicPartition
from suite_fixtures import eventually
from vanishing import vanish_for_a_moment

pytestmark = pytest.mark.broker


@pytest.fixture
def settings(kafka_env: dict[str, str]) -> KafkaSettings:
    settings = KafkaSettings(kafka_partitions=1)
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image"])
    return settings


@pytest.fixture
def consumer(settings: KafkaSettings) -> Iterator[Any]:
    consumer = connect_consumer(
        settings, group_id=settings.group("rejoining"), session_timeout_ms=6_000, heartbeat_interval_ms=500
    )
    yield consumer
    consumer.close()


class Listener(ConsumerRebalanceListener):
    """Counts the calls of the listener."""

    def __init__(self) -> None:
        self.revoked = self.assigned = 0

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.revoked += 1

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.assigned += 1


def test_a_rebalance_that_metadata_began_and_ended_is_completed(
    settings: KafkaSettings, consumer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    consumer.subscribe([settings.topic("image")], listener=listener)
    eventually(lambda: consumer.poll(timeout_ms=200) or consumer.assignment(), 60)
    revoked, assigned = listener.revoked, listener.assigned
    vanish_for_a_moment(consumer, monkeypatch)
    eventually(lambda: consumer.poll(timeout_ms=200) or listener.revoked > revoked, 60)
    eventually(lambda: consumer.poll(timeout_ms=200) or listener.assigned > assigned, 30)


def test_a_consumer_may_ask_for_a_rebalance(settings: KafkaSettings, consumer: Any) -> None:
    listener = Listener()
    consumer.subscribe([settings.topic("image")], listener=listener)
    eventually(lambda: consumer.poll(timeout_ms=200) or consumer.assignment(), 60)
    assigned = listener.assigned
    rejoin(consumer)
    eventually(lambda: consumer.poll(timeout_ms=200) or listener.assigned > assigned, 30)


def test_partitions_begin_anew_where_others_have_committed(settings: KafkaSettings, consumer: Any) -> None:
    here = TopicPartition(settings.topic("image"), 0)
    producer = Producer(settings)
    producer.publish([Outgoing("image", b"k", b"%d" % number, []) for number in range(6)])
    producer.close()
    consumer.subscribe([here.topic])
    eventually(lambda: consumer.poll(timeout_ms=200, max_records=2), 60)
    assert consumer.position(here) == 2
    consumer.pause(here)
    consumer.commit({here: OffsetAndMetadata(5, "", -1)})  # as others would, meanwhile
    restart_from_committed(consumer, [here])
    assert consumer.assignment() == {here}
    (records,) = eventually(lambda: consumer.poll(timeout_ms=200), 60).values()
    assert [record.value for record in records] == [b"5"]
