"""A mirror on the broker in memory: what it hears, and what it says of how far it has come."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bus.mirror import Mirror
from bus.producer import Position
from bus.settings import KafkaSettings
from bus.testing import Broker, Record
from events import ImageUploaded
from suite_fixtures import eventually


def upload(name: str) -> ImageUploaded:
    return ImageUploaded(new_file=name)


Start = Callable[..., tuple[Mirror, list[str]]]


@pytest.fixture
def start() -> Iterator[Start]:
    mirrors: list[Mirror] = []

    def started(broker: Broker, **options: Any) -> tuple[Mirror, list[str]]:
        heard: list[str] = []

        def hear(topic: str, record: Record) -> None:
            heard.append(f"{topic}: {ImageUploaded.decode(record.value).new_file}")

        mirrors.append(Mirror(broker, ["image"], hear, **options))
        mirrors[-1].start()
        assert mirrors[-1].caught_up.wait(60)
        return mirrors[-1], heard

    yield started
    for mirror in mirrors:
        mirror.stop()


def test_from_the_start_it_hears_all_there_is(start: Start) -> None:
    broker = Broker()
    broker.publish("image", upload("a.png"))
    assert start(broker, from_start=True)[1] == ["image: a.png"]


def test_topics_have_their_names_of_the_suite_whatever_the_cluster_calls_them(start: Start) -> None:
    broker = Broker(settings=KafkaSettings(kafka_topic_prefix="aluno07-"))
    broker.publish("image", upload("a.png"))
    assert start(broker, from_start=True)[1] == ["image: a.png"]


def test_else_it_hears_what_comes(start: Start) -> None:
    broker = Broker()
    broker.publish("image", upload("before.png"))
    mirror, heard = start(broker)
    assert mirror.passed(broker.publish("image", upload("after.png")), 10)
    assert heard == ["image: after.png"]


def test_what_it_does_not_understand_holds_nothing_up(start: Start) -> None:
    broker = Broker(partitions=1)
    mirror, heard = start(broker)
    broker.append("image", b"no JSON")
    assert mirror.passed(broker.publish("image", upload("next.png")), 10)
    assert heard == ["image: next.png"]


def test_a_place_that_is_not_there_yet_is_not_passed(start: Start) -> None:
    broker = Broker()
    mirror, _ = start(broker)
    (place,) = broker.publish("image", upload("a.png"))
    assert not mirror.passed([Position("image", place.partition, place.offset + 1)], 0.1)


def test_while_the_broker_is_away_it_has_not_caught_up_and_then_goes_on(start: Start) -> None:
    broker = Broker()
    mirror, heard = start(broker)
    broker.away = True
    assert not mirror.catch_up(0.2)
    broker.append("image", upload("a.png").encoded().value.encode())
    broker.away = False
    assert mirror.catch_up(60)
    eventually(lambda: heard == ["image: a.png"])
