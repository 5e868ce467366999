from collections.abc import Callable, Mapping
from typing import Any

import pytest
from bus.lane import Lane
from bus.metrics import Metrics
from bus.offsets import ANSWER_WITHIN_SECONDS, COMMIT_EVERY_SECONDS, Offsets
from bus.testing import Record
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError

HERE = TopicPartition("image", 0)


class Consumer:
    """Takes commits; a test answers them."""

    def __init__(self) -> None:
        self.asked: list[Mapping[TopicPartition, int]] = []
        self.answers: list[Callable[[Exception | None], None]] = []
        self.error: KafkaError | None = None

    def commit(self, positions: Mapping[TopicPartition, int], done: Callable[[Exception | None], None]) -> None:
        self.asked.append(positions)
        self.answers.append(done)
        if self.error:
            raise self.error

    def commit_now(self, positions: Mapping[TopicPartition, int]) -> None:
        self.asked.append(positions)
        if self.error:
            raise self.error


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def offsets(consumer: Consumer) -> Offsets:
    return Offsets(consumer, lambda call: call(), Metrics())


@pytest.fixture
def lanes() -> dict[TopicPartition, Lane]:
    lane = Lane()
    for offset in range(3):
        lane.take(Record("image", 0, offset, 0, None, b""))
    return {HERE: lane}


def finish(lanes: Mapping[TopicPartition, Lane], count: int = 1) -> None:
    for delivery in list(lanes[HERE].deliveries)[:count]:
        delivery.finish()


def test_what_is_done_is_committed_and_nothing_else(offsets: Offsets, consumer: Consumer, lanes: Any) -> None:
    assert offsets.commit(lanes, at_once=True, now=1.0) == float("inf")
    assert consumer.asked == []
    finish(lanes, 2)
    offsets.commit(lanes, at_once=True, now=1.0)
    assert consumer.asked == [{HERE: 2}]
    assert not offsets.all_committed(lanes)
    consumer.answers[0](None)
    assert offsets.all_committed(lanes)
    assert offsets.commit(lanes, at_once=True, now=2.0) == float("inf")


def test_under_load_commits_are_gathered(offsets: Offsets, consumer: Consumer, lanes: Any) -> None:
    finish(lanes)
    offsets.commit(lanes, at_once=False, now=1.0)
    consumer.answers[0](None)
    finish(lanes)
    assert offsets.commit(lanes, at_once=False, now=1.01) == 1.0 + COMMIT_EVERY_SECONDS
    assert len(consumer.asked) == 1
    offsets.commit(lanes, at_once=False, now=1.0 + COMMIT_EVERY_SECONDS)
    assert consumer.asked == [{HERE: 1}, {HERE: 2}]


def test_one_request_is_under_way_at_a_time_until_it_is_given_up(
    offsets: Offsets, consumer: Consumer, lanes: Any
) -> None:
    finish(lanes)
    offsets.commit(lanes, at_once=True, now=1.0)
    finish(lanes)
    assert offsets.commit(lanes, at_once=True, now=2.0) == 1.0 + ANSWER_WITHIN_SECONDS
    assert len(consumer.asked) == 1
    offsets.commit(lanes, at_once=True, now=1.0 + ANSWER_WITHIN_SECONDS)
    assert consumer.asked[1:] == [{HERE: 2}]


@pytest.mark.parametrize("raised", [True, False])
def test_what_failed_is_committed_again_after_a_pause(
    offsets: Offsets, consumer: Consumer, lanes: Any, raised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bus.offsets.time.monotonic", lambda: 1.0)
    finish(lanes)
    consumer.error = KafkaConnectionError("gone") if raised else None
    offsets.commit(lanes, at_once=True, now=1.0)
    if not raised:
        consumer.answers[0](KafkaConnectionError("gone"))
    assert not offsets.all_committed(lanes)
    assert offsets.commit(lanes, at_once=True, now=1.01) == 1.0 + COMMIT_EVERY_SECONDS
    offsets.commit(lanes, at_once=True, now=1.0 + COMMIT_EVERY_SECONDS)
    assert consumer.asked == [{HERE: 1}, {HERE: 1}]


def test_at_the_end_it_is_committed_at_once_and_a_failure_ends_nothing(
    offsets: Offsets, consumer: Consumer, lanes: Any
) -> None:
    offsets.commit_now(lanes)
    assert consumer.asked == []
    finish(lanes)
    consumer.error = KafkaConnectionError("gone")
    offsets.commit_now(lanes)
    assert consumer.asked == [{HERE: 1}]
