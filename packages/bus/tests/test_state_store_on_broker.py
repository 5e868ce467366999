"""What is remembered of a partition, on a broker that speaks the real protocol: junk and missing partitions."""

import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from bus import state_store as remembering
from bus.clients import connect_admin
from bus.errors import RetryableError
from bus.producer import NotPublished, Outgoing, Producer
from bus.settings import KafkaSettings
from bus.state_store import PartitionStore
from bus.topics import ensure
from kafka import KafkaProducer
from odd_records import NoText
from suite_fixtures import eventually

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


def remembered(producer: Producer, partition: int = 0) -> PartitionStore:
    return PartitionStore("notifier", partition, KafkaSettings(), producer)


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
    assert memory._kept
    assert memory._kept.keys() == {"before", "after"}


def test_an_open_transaction_hides_nothing_that_was_put(producer: Producer) -> None:
    remembered(producer).put("a", 1)
    with KafkaProducer(**KafkaSettings().connection(), transactional_id=uuid.uuid4().hex) as client:
        client.init_transactions()
        client.begin_transaction()
        client.send(KafkaSettings().topic(TOPIC), key=b"undecided", value=b"2", partition=0).get(60)
        remembered(producer).put("b", 3)
        memory = remembered(producer)
        assert (memory.get("a"), memory.get("b")) == (1, 3)
        client.abort_transaction()


def test_a_partition_that_is_not_there_is_for_another_try(producer: Producer) -> None:
    with pytest.raises(RetryableError, match="no partition 2"):
        remembered(producer, 2).get("a")


def test_a_broker_that_does_not_answer_is_too(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "READ_TIMEOUT_SECONDS", 0.0)
    with pytest.raises(RetryableError, match="is not read"):
        remembered(producer).get("a")


def test_what_is_dropped_from_memory_is_read_again(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "MAX_BYTES", 10 * remembering.ENTRY_OVERHEAD_BYTES)
    memory, reads = remembered(producer), []
    read = memory._read
    monkeypatch.setattr(memory, "_read", lambda wanted=None: reads.append(wanted) or read(wanted))
    for number in range(30):
        memory.put(f"key {number}", number)
    memory.put("key 3", "anew")
    for _ in range(12):
        memory.put("another", 0)
    assert memory._kept
    assert len(memory._kept) < 10
    assert memory.get("never put") is None
    assert reads == [None, "key 3"], "what was never put is not looked for in the topic"
    assert [memory.get(f"key {number}") for number in range(30)] == [*range(3), "anew", *range(4, 30)]
    assert len(memory._kept) < 10
    assert [remembered(producer).get(f"key {number}") for number in (0, 3, 29)] == [0, "anew", 29]


def test_what_the_broker_does_not_have_yet_is_not_dropped(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = remembered(producer)
    memory.get("a")
    publish = producer.publish

    def away(_records: object) -> None:
        raise NotPublished("the broker is away")

    created: list[bool] = []
    monkeypatch.setattr(producer, "publish", away)
    monkeypatch.setattr(memory, "_ensure_topic", lambda late: created.append(late()))
    with pytest.raises(NotPublished):
        memory.put("a", 1)
    assert created == [False], "the topic may have been deleted"
    monkeypatch.setattr(remembering, "MAX_BYTES", 0)
    monkeypatch.setattr(producer, "publish", publish)
    memory.put("b", 2)
    memory.put("c", 3)
    assert memory.get("a") == 1
    assert remembered(producer).get("a") == 1


def test_what_is_older_than_the_topics_keep_it_goes(producer: Producer, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = remembered(producer)
    memory.put("a", 1)
    assert memory.get("b") is None
    assert memory._kept
    assert len(memory._kept) == 1
    later = time.monotonic() + 169 * 3600
    monkeypatch.setattr(remembering.time, "monotonic", lambda: later)
    assert memory.get("b") is None
    assert len(memory._kept) == 0


def test_a_topic_that_was_deleted_is_created_anew(producer: Producer) -> None:
    memory, other = remembered(producer), remembered(producer)
    memory.put("a", 1)
    with connect_admin(KafkaSettings()) as admin:
        admin.delete_topics([KafkaSettings().topic(TOPIC)])
        eventually(lambda: KafkaSettings().topic(TOPIC) not in admin.list_topics())

    def works(call: Callable[[], object]) -> bool:
        try:
            call()
        except RetryableError:
            return False
        return True

    eventually(lambda: works(lambda: other.get("b")), 60)
    eventually(lambda: works(lambda: memory.put("b", 2)), 60)
    assert remembered(producer).get("b") == 2
