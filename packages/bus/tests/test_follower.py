"""Which partitions a follower asks for, without a broker."""

from types import SimpleNamespace
from typing import Any

import pytest
from bus import follower as module
from bus.follower import Follower
from bus.names import Names
from bus.settings import KafkaSettings
from kafka import TopicPartition
from kafka.consumer.fetcher import FetchMetadata, FetchSessionHandler

image, letters, other_letters = (TopicPartition(*place) for place in (("image", 0), ("x.dlq", 0), ("x.dlq", 1)))


class FakeConsumer:
    """What is paused, and whether the broker keeps a fetch session."""

    def __init__(self, session_id: int) -> None:
        handler = FetchSessionHandler(0)
        if session_id:
            handler.next_metadata = FetchMetadata.new_incremental(session_id)
        self._fetcher = SimpleNamespace(_session_handlers={0: handler})
        self._paused: set[TopicPartition] = set()

    def assignment(self) -> set[TopicPartition]:
        return {image, letters, other_letters}

    def paused(self) -> set[TopicPartition]:
        return set(self._paused)

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused -= set(partitions)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.seconds))
    return clock


def follower() -> Follower:
    settings = KafkaSettings()
    return Follower(
        settings, Names(settings), lambda _records: None, 1, lambda: True, is_quiet=lambda topic: topic == "x.dlq"
    )


def test_quiet_partitions_are_asked_for_once_a_second(now: SimpleNamespace) -> None:
    following, consumer = follower(), FakeConsumer(0)

    def asked_for() -> set[TopicPartition]:
        following._leave_out_quiet(consumer)
        return consumer.assignment() - consumer.paused()

    everything = consumer.assignment()
    assert asked_for() == everything
    now.seconds += 0.1
    assert asked_for() == everything  # what was there at the start has not been read yet
    following.caught_up.set()
    assert asked_for() == {image}
    now.seconds += module.QUIET_EVERY_SECONDS
    assert asked_for() == everything
    record: Any = SimpleNamespace(topic="x.dlq", partition=1, offset=0, timestamp=1)
    following._tell([record])
    now.seconds += 0.1
    assert asked_for() == {image, other_letters}
    now.seconds += module.QUIET_AFTER_SECONDS
    assert asked_for() == everything
    now.seconds += 0.1
    assert asked_for() == {image}


def test_where_the_broker_keeps_a_session_quiet_partitions_cost_nothing(now: SimpleNamespace) -> None:
    following, consumer = follower(), FakeConsumer(7)
    following.caught_up.set()
    for _ in range(3):
        following._leave_out_quiet(consumer)
        now.seconds += 0.1
    assert consumer.paused() == set()
