"""What is remembered of a partition, on a broker that speaks the real protocol: junk and missing partitions."""

from collections.abc import Iterator

import pytest
from bus import remembering
from bus.clients import connect_admin
from bus.errors import Passing
from bus.producer import Outgoing, Producer
from bus.remembering import PartitionMemory
from bus.settings import KafkaSettings
from bus.topics import ensure
from odd_records import NoText

pytestmark = pytest.mark.broker

TOPIC = "notifier.memory"


@pytest.fixture
def producer(kafka_env: dict[str, str]) -> Iterator[Producer]:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, [TOPIC])
    producer = Producer(settings)
    yield producer
    producer.close()


def remembered(producer: Producer, partition: int = 0) -> PartitionMemory:
    return PartitionMemory("notifier", partition, KafkaSettings(), producer)


def test_another_process_knows_what_was_put(producer: Producer) -> None:
    remembered(producer).put("a", ["email"])
    assert remembered(producer).get("a") == ["email"]
    assert remembered(producer, 1).get("a") is None


def test_what_is_no_memory_is_passed_over(producer: Producer) -> None:
    odd: list[tuple[bytes | None, bytes | None]] = [
        (b"no JSON", b"hello"),
        (b"no text", b"\xff"),
        (b"too deep", b"[" * 100_000),
        (None, b"1"),
        (b"\xff\xfe", b"[]"),
        (b"nothing", None),
    ]
    remembered(producer).put("before", 1)
    producer.publish(Outgoing(TOPIC, key, value, [], 0) for key, value in odd)
    producer.publish([Outgoing(TOPIC, b"unreadable", b"1", [(NoText("name"), b"x")], 0)])
    remembered(producer).put("after", 2)
    memory = remembered(producer)
    assert (memory.get("before"), memory.get("after")) == (1, 2)
    assert memory._kept == {"before": 1, "after": 2}


def test_a_partition_that_is_not_there_is_for_another_try(producer: Producer) -> None:
    with pytest.raises(Passing, match="no partition 2"):
        remembered(producer, 2).get("a")


def test_a_broker_that_does_not_answer_is_too(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "PATIENCE", 0.0)
    with pytest.raises(Passing, match="is not read"):
        remembered(producer).get("a")
