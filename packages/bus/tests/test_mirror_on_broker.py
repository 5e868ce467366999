"""The mirror against a broker that speaks the real protocol: where it begins, how far it has come."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bus.clients import POLL_MAX_BYTES, connect_admin, connect_consumer
from bus.kafka_cluster import KafkaCluster
from bus.kafka_fixes import bounded_decompression
from bus.mirror import Mirror
from bus.producer import Outgoing, Position, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from events.conversation import ConversationChanged
from kafka import KafkaProducer, TopicPartition
from odd_records import NoText
from suite_fixtures import Broker, eventually

pytestmark = pytest.mark.broker

TOPICS = ("chatbot", "conversation")


def opened(sessao: str) -> Outgoing:
    event = ConversationChanged(sessao=sessao, evento="aberta", nome="Ana")
    return Outgoing.of("conversation", event.encoded(), "test")


@pytest.fixture
def settings(kafka_env: dict[str, str]) -> KafkaSettings:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, TOPICS)
    return settings


def test_it_creates_the_topics_that_are_missing(kafka_env: dict[str, str]) -> None:
    settings = KafkaSettings()
    mine = Reader(settings).started()
    mine.mirror.stop()
    with connect_admin(settings) as admin:
        assert {settings.topic(name) for name in TOPICS} <= set(admin.list_topics())


@pytest.fixture
def producer(settings: KafkaSettings) -> Iterator[Producer]:
    producer = Producer(settings)
    yield producer
    producer.close()


class Reader:
    """A mirror, and what it has heard."""

    def __init__(self, settings: KafkaSettings, from_start: bool = True):
        self.keys: list[str] = []
        self.mirror = Mirror(KafkaCluster(settings), TOPICS, self.hear, from_start=from_start)

    def hear(self, topic: str, record: Any) -> None:
        self.keys.append(record.key.decode())
        if record.key == b"refused":
            raise RuntimeError("not understood")

    def started(self) -> "Reader":
        self.mirror.start()
        assert self.mirror.caught_up.wait(60)
        return self


@pytest.fixture
def reader(settings: KafkaSettings) -> Iterator[Callable[..., Reader]]:
    made: list[Reader] = []

    def make(**options: Any) -> Reader:
        made.append(Reader(settings, **options))
        return made[-1].started()

    yield make
    for one in made:
        one.mirror.stop()


def test_the_broker_says_where_a_record_stands(producer: Producer) -> None:
    places = producer.publish([opened("a"), opened("a")])
    assert [place.topic for place in places] == ["conversation", "conversation"]
    assert [place.offset for place in places] == [0, 1]
    assert places[0].partition == places[1].partition


def test_it_has_heard_all_that_was_there_when_it_has_caught_up(producer: Producer, reader: Any) -> None:
    keys = [f"session {number}" for number in range(1_200)]
    producer.publish(map(opened, keys))
    assert sorted(reader().keys) == sorted(keys)


def test_empty_topics_are_caught_up_with_at_once(reader: Any) -> None:
    assert reader().keys == []


def test_a_record_has_been_heard_when_its_place_is_passed(producer: Producer, reader: Any) -> None:
    mine = reader()
    for number in range(20):
        places = producer.publish([opened(f"session {number}"), opened(f"other {number}")])
        assert mine.mirror.passed(places, 60)
        assert f"session {number}" in mine.keys
        assert f"other {number}" in mine.keys


def test_a_place_that_is_not_there_yet_is_not_passed(producer: Producer, reader: Any) -> None:
    mine = reader()
    (place,) = producer.publish([opened("a")])
    assert not mine.mirror.passed([Position(place.topic, place.partition, place.offset + 1)], 0.5)


def test_it_catches_up_with_what_another_has_published(producer: Producer, reader: Any) -> None:
    mine = reader()
    for number in range(10):
        producer.publish([opened(f"session {number}")])
        assert mine.mirror.catch_up(60)
        assert f"session {number}" in mine.keys


def test_from_now_on_it_hears_what_comes(producer: Producer, reader: Any) -> None:
    mine = reader(from_start=False)
    places = producer.publish([opened("after")])
    assert mine.mirror.passed(places, 60)
    assert mine.keys == ["after"]


def test_a_record_that_is_not_understood_holds_nothing_up(producer: Producer, reader: Any) -> None:
    mine = reader()
    assert mine.mirror.passed(producer.publish([opened("refused"), opened("next")]), 60)
    assert sorted(mine.keys) == ["next", "refused"]


def test_a_record_that_cannot_be_read_is_passed_over(producer: Producer, reader: Any) -> None:
    odd = opened("odd")._replace(headers=[(NoText("name"), b"x")])
    producer.publish([opened("before"), odd, opened("after")])
    mine = reader()
    assert sorted(mine.keys) == ["after", "before"]
    places = producer.publish([odd, opened("later")])
    assert mine.mirror.passed(places, 60)
    assert mine.mirror.catch_up(60)
    assert sorted(mine.keys) == ["after", "before", "later"]


def test_so_is_a_batch_that_there_is_no_room_for(
    producer: Producer, reader: Any, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_decompression, "MAX_DECOMPRESSED_BYTES", 10_000)
    producer.publish([opened("before")])
    large = opened("large")
    with KafkaProducer(**settings.connection(), compression_type="gzip") as sender:
        topic = settings.topic(large.topic)
        sender.send(topic, key=large.key, value=bytes(20_000)).get(60)
        sender.send(topic, key=b"small", value=bytes(5_000)).get(60)
    mine = reader()
    assert sorted(mine.keys) == ["before", "small"]


def test_a_poll_does_not_give_out_more_than_there_is_room_for(settings: KafkaSettings) -> None:
    topics = [settings.topic(name) for name in TOPICS]
    with KafkaProducer(**settings.connection(), compression_type="gzip", max_request_size=20_000_000) as sender:
        for number in range(6):
            sender.send(topics[number % 2], partition=0, value=bytes(5_000_000)).get(60)
    with connect_consumer(settings) as consumer:
        consumer.assign([TopicPartition(topic, 0) for topic in topics])
        polls: list[int] = []
        while sum(polls) < 6:
            polls.append(sum(map(len, consumer.poll(timeout_ms=500).values())))
    assert max(polls) == 2, "the second is the one that goes beyond"
    assert POLL_MAX_BYTES < 10_000_000


def test_where_others_stand_before_such_a_record_it_knows_the_end(
    producer: Producer, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = reader()
    deaf = threading.Event()
    monkeypatch.setattr(mine.mirror, "_tell", lambda *_: deaf.wait(120))
    producer.publish([opened("holds up")])
    producer.publish([opened("holds up")._replace(headers=[(NoText("name"), b"x")])])
    ends = mine.mirror._ends(time.monotonic() + 60)
    deaf.set()
    assert sum(ends.values()) == 2


@pytest.fixture
def open_transaction(settings: KafkaSettings, producer: Producer) -> Iterator[None]:
    """A client has begun a transaction in the partition of the key `a` and does not end it."""
    (place,) = producer.publish([opened("a")])
    topic = settings.topic("conversation")
    with KafkaProducer(**settings.connection(), transactional_id=uuid.uuid4().hex) as client:
        client.init_transactions()
        client.begin_transaction()
        client.send(topic, key=b"undecided", value=b"{}", partition=place.partition).get(60)
        yield
        client.abort_transaction()


def test_an_open_transaction_does_not_hold_up_a_mirror_that_starts(open_transaction: None, reader: Any) -> None:
    mine = reader()
    assert mine.keys == ["a"]
    assert mine.mirror.catch_up(30)


def test_an_open_transaction_does_not_hold_up_one_that_has_caught_up(
    producer: Producer, reader: Any, request: pytest.FixtureRequest
) -> None:
    mine = reader()
    request.getfixturevalue("open_transaction")
    assert mine.mirror.catch_up(30)
    assert mine.keys == ["a"]


def test_after_a_failure_it_goes_on_where_it_was(
    producer: Producer, reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = reader()
    assert mine.mirror.passed(producer.publish([opened("before")]), 60)
    note, failures = mine.mirror._note, []

    def fail_once(reader: Any) -> None:
        if not failures:
            failures.append(1)
            raise RuntimeError("the reader is gone")
        note(reader)

    monkeypatch.setattr(mine.mirror, "_note", fail_once)
    eventually(lambda: failures)
    assert mine.mirror.passed(producer.publish([opened("after")]), 60)
    assert mine.keys == ["before", "after"]


def test_it_outlives_an_outage_and_says_meanwhile_that_it_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Broker()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.address)
    monkeypatch.setenv("KAFKA_FETCH_MAX_WAIT_MS", "50")
    settings = KafkaSettings()
    mine = Reader(settings).started()
    broker.stop()
    assert not mine.mirror.catch_up(2)
    again = Broker(broker.port)
    try:
        with connect_admin(settings) as admin:
            ensure(admin, settings, TOPICS)
        producer = Producer(settings)
        key = uuid.uuid4().hex
        producer.publish([opened(key)])
        producer.close()
        eventually(lambda: key in mine.keys, 60)
    finally:
        mine.mirror.stop()
        again.stop()


def test_a_mirror_without_a_broker_ends_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    mine = Reader(KafkaSettings())
    mine.mirror.start()
    assert not mine.mirror.catch_up(0.2)
    mine.mirror.stop()
