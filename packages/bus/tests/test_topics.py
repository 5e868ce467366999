"""Memories grow with their sources: a broker that can is told to give them partitions."""

from typing import Any

import pytest
from bus.settings import KafkaSettings
from bus.topics import MAX_ATTEMPTS, WrongPartitions, ensure
from kafka.errors import IncompatibleBrokerVersion, RequestTimedOutError, TopicAlreadyExistsError


class Admin:
    """A cluster with some topics of two partitions."""

    def __init__(self, can_grow: bool = True) -> None:
        self.can_grow = can_grow
        self.there = {"notification": 2, "notifier.memory": 2}

    def describe_topics(self) -> list[dict[str, Any]]:
        return [{"name": name, "error_code": 0, "partitions": [0] * number} for name, number in self.there.items()]

    def wait_for_topics(self, names: list[str], timeout_ms: int) -> None:
        assert names == []

    def create_partitions(self, wanted: dict[str, int]) -> None:
        if not self.can_grow:
            raise IncompatibleBrokerVersion
        self.there |= wanted


def look(admin: Any, partitions: int = 3, strict: bool = False, create: bool = True) -> dict[str, int]:
    settings = KafkaSettings(kafka_partitions=partitions, kafka_create_topics=create)
    assert ensure(admin, settings, ["notifier.memory"], strict) == []
    there: dict[str, int] = admin.there
    return there


def test_a_memory_is_given_the_partitions_it_lacks() -> None:
    assert look(Admin(), strict=True) == {"notification": 2, "notifier.memory": 3}


@pytest.mark.parametrize("how", [{"partitions": 2}, {"partitions": 1}, {"create": False}])
def test_it_stays_as_it_is_where_it_has_enough_or_nothing_may_be_created(how: dict[str, Any]) -> None:
    assert look(Admin(), **how)["notifier.memory"] == 2


def test_a_broker_that_cannot_is_not_asked_for_the_impossible() -> None:
    assert look(Admin(can_grow=False))["notifier.memory"] == 2
    with pytest.raises(WrongPartitions):
        look(Admin(can_grow=False), strict=True)


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
