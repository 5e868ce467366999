"""Memories and topics of replays grow with their sources: a broker that can is told to give them partitions."""

from typing import Any, ClassVar

import pytest
from bus.settings import KafkaSettings
from bus.topics import MAX_ATTEMPTS, MAX_DEAD_LETTER_BYTES, WrongPartitions, ensure
from kafka.errors import IncompatibleBrokerVersion, RequestTimedOutError, TopicAlreadyExistsError


class Admin:
    """A cluster with some topics of two partitions."""

    def __init__(self, can_grow: bool = True) -> None:
        self.can_grow = can_grow
        self.there = {"notification": 2, "notifier.memory": 2, "notifier.retry.notification": 2}

    def describe_topics(self) -> list[dict[str, Any]]:
        return [{"name": name, "error_code": 0, "partitions": [0] * number} for name, number in self.there.items()]

    def wait_for_topics(self, names: list[str], timeout_ms: int) -> None:
        assert names == []

    def create_partitions(self, wanted: dict[str, int]) -> None:
        if not self.can_grow:
            raise IncompatibleBrokerVersion
        self.there |= wanted


FOLLOWERS = ["notifier.memory", "notifier.retry.notification"]


def look(admin: Any, partitions: int = 3, strict: bool = False, create: bool = True) -> list[int]:
    """How many partitions they have then."""
    settings = KafkaSettings(kafka_partitions=partitions, kafka_create_topics=create)
    assert ensure(admin, settings, FOLLOWERS, strict) == []
    assert admin.there["notification"] == 2
    return [admin.there[name] for name in FOLLOWERS]


def test_they_are_given_the_partitions_they_lack() -> None:
    assert look(Admin(), strict=True) == [3, 3]


@pytest.mark.parametrize("how", [{"partitions": 2}, {"partitions": 1}, {"create": False}])
def test_it_stays_as_it_is_where_it_has_enough_or_nothing_may_be_created(how: dict[str, Any]) -> None:
    assert look(Admin(), **how) == [2, 2]


def test_a_broker_that_cannot_is_not_asked_for_the_impossible() -> None:
    assert look(Admin(can_grow=False)) == [2, 2]
    with pytest.raises(WrongPartitions):
        look(Admin(can_grow=False), strict=True)


def test_a_topic_of_replays_takes_what_a_topic_of_dead_letters_takes_and_is_kept_as_long() -> None:
    class Created(Admin):
        configs: ClassVar[dict[str, Any]] = {}

        def create_topics(self, wanted: dict[str, Any]) -> None:
            self.configs |= {name: options["configs"] for name, options in wanted.items()}

        def wait_for_topics(self, names: list[str], timeout_ms: int) -> None: ...

    ensure(Created(), KafkaSettings(), ["x.dlq", "x.retry.image", "image"])  # type: ignore[arg-type]
    assert Created.configs["x.retry.image"] == Created.configs["x.dlq"]
    assert Created.configs["x.dlq"]["max.message.bytes"] == str(MAX_DEAD_LETTER_BYTES)
    assert "max.message.bytes" not in Created.configs["image"]


class Slow(Admin):
    """A cluster that creates a topic after the time for its answer is over, once it was asked `times`."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def create_topics(self, wanted: dict[str, Any]) -> None:
        if self.there.keys() >= wanted.keys():
            raise TopicAlreadyExistsError
        self.times -= 1
        if not self.times:
            self.there |= {name: options["num_partitions"] for name, options in wanted.items()}
        raise RequestTimedOutError

    def wait_for_topics(self, names: list[str], timeout_ms: int) -> None:
        assert self.there.keys() >= set(names)


def test_a_broker_that_is_slow_to_create_a_topic_is_asked_again() -> None:
    settings = KafkaSettings(kafka_partitions=2)
    assert ensure(Slow(3), settings, ["image"]) == ["image"]
    with pytest.raises(RequestTimedOutError):
        ensure(Slow(MAX_ATTEMPTS + 1), settings, ["image"])
