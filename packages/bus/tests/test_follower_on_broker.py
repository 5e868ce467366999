"""What a follower hears, and what a browser reads."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from bus.browser import Bounds, Browser, Wanted
from bus.clients import connect_admin
from bus.follower import Follower, begins_of
from bus.names import Names
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from kafka import TopicPartition
from suite_fixtures import eventually, free_port

SECONDS = 90.0
one, two, three = (TopicPartition("image", number) for number in range(3))


def test_the_newest_of_all_partitions_are_begun_with() -> None:
    begins, ends = {one: 0, two: 5, three: 0}, {one: 100, two: 7, three: 30}
    assert begins_of(begins, ends, 1_000) == begins
    assert begins_of(begins, ends, 50) == {one: 76, two: 5, three: 6}
    assert begins_of(begins, ends, 0) == {one: 100, two: 7, three: 30}
    assert begins_of({}, {}, 10) == {}


@pytest.fixture
def settings(kafka_env: dict[str, str]) -> KafkaSettings:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image"])
    return settings


@pytest.fixture
def publish(settings: KafkaSettings) -> Iterator[Callable[..., list[int]]]:
    """Publishes values, each on its own, to partition 0 of a topic; returns their offsets."""
    producer = Producer(settings)

    def publish(*values: bytes, topic: str = "image") -> list[int]:
        return [producer.publish([Outgoing(topic, None, value, [], partition=0)])[0].offset for value in values]

    yield publish
    producer.close(timeout=5)


def _fail(status: int) -> None:
    raise AssertionError(f"the follower ends the process with {status}")


@pytest.mark.broker
@pytest.mark.parametrize(("is_urgent", "is_quiet"), [(True, True), (False, False)])
def test_all_topics_are_heard_also_those_that_come_later(
    settings: KafkaSettings, publish: Callable[..., list[int]], is_urgent: bool, is_quiet: bool
) -> None:
    publish(b"old 1", b"old 2", b"old 3")
    heard: list[Any] = []
    follower = Follower(settings, Names(settings), heard.extend, 2, lambda: is_urgent, _fail, lambda _topic: is_quiet)
    follower.start()
    try:
        eventually(follower.caught_up.is_set, SECONDS)
        before = [record.value for record in heard]
        assert before[-2:] == [b"old 2", b"old 3"]  # the embedded broker tells the end of a partition late
        publish(b"new")
        eventually(lambda: [record.value for record in heard] == [*before, b"new"], SECONDS)
        with connect_admin(settings) as admin:
            admin.create_topics({settings.topic("vendas"): {"num_partitions": 1, "replication_factor": 1}})
        publish(b"foreign", topic="vendas")
        eventually(lambda: heard[-1].value == b"foreign", SECONDS)
        assert heard[-1].topic == settings.topic("vendas")
        place = TopicPartition(settings.topic("image"), 0)
        eventually(lambda: follower.ends.get(place) == 4, SECONDS)
    finally:
        follower.stop()


@pytest.mark.broker
def test_records_are_read_where_they_are_wanted(settings: KafkaSettings, publish: Callable[..., list[int]]) -> None:
    topic = settings.topic("image")
    publish(*(b"%d" % number for number in range(10)))

    def read(*wanted: Wanted, max_bytes: int = 1_000_000) -> list[bytes]:
        places = {(topic, number): one for number, one in enumerate(wanted)}
        return [record.value for record in browser.read(places, max_bytes)]

    with closing(Browser(settings)) as browser:
        assert browser.bounds(topic) == {0: Bounds(0, 10), 1: Bounds(0, 0)}
        assert browser.bounds("nowhere") == {}
        assert read(Wanted(3, 2)) == [b"3", b"4"]
        assert read(Wanted(8, 5), Wanted(0, 5)) == [b"8", b"9"]
        assert read() == []
        assert read(Wanted(0, 10), max_bytes=4) == [b"0", b"1", b"2", b"3"]
        (third,) = browser.read({(topic, 0): Wanted(3, 1)}, 1_000)
        later = browser.offsets_at(topic, browser.bounds(topic), third.timestamp + 3_600_000)
        assert later == {0: 10, 1: 0}
        assert read(Wanted(0, 10, since_ms=third.timestamp + 3_600_000)) == []
        assert read(Wanted(0, 1, since_ms=third.timestamp)) in ([b"0"], [b"1"], [b"2"], [b"3"])  # of one millisecond


def test_a_browser_says_that_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    with closing(Browser(KafkaSettings())) as browser, pytest.raises(ConnectionError):
        browser.bounds("image")
