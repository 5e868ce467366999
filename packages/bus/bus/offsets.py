"""Commits offsets: at once where a worker is idle, a few times a second under load, one request at a time."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from service.log import get_logger

from .lane import Lane
from .metrics import Metrics

log = get_logger(__name__)

ANSWER_WITHIN_SECONDS = 60.0
"""Time after which a request that was never answered counts as failed."""
COMMIT_EVERY_SECONDS = 0.1
"""Time between commits while there is more to do."""


class Offsets:
    """Belongs to the loop; only the broker's answer comes from another thread."""

    def __init__(self, consumer: Any, later: Callable[[Callable[[], None]], None], metrics: Metrics):
        """`later` has the loop make a call."""
        self._consumer = consumer
        self._later = later
        self._metrics = metrics
        self._committed_at = 0.0
        self._under_way = False
        self._failed = False
        """Whether the last request failed: the next has to wait, however idle the worker is."""

    def commit(self, lanes: Mapping[TopicPartition, Lane], at_once: bool, now: float) -> float:
        """Commit what is due, or wait a little for more.

        Returns when to look again (time.monotonic); infinity where an answer or a record wakes the loop anyway.
        """
        due = self._due(lanes)
        if not due:
            return float("inf")
        if self._under_way and now < self._committed_at + ANSWER_WITHIN_SECONDS:
            return self._committed_at + ANSWER_WITHIN_SECONDS  # the answer wakes the loop
        pause = 0.0 if at_once and not self._failed else COMMIT_EVERY_SECONDS
        if now < self._committed_at + pause:
            return self._committed_at + pause
        self._committed_at, self._under_way = now, True
        positions = {partition: position for partition, (_lane, position) in due.items()}
        try:
            self._consumer.commit(positions, lambda error: self._later(partial(self._answered, due, error)))
        except KafkaError as error:
            self._answered(due, error)
        return float("inf")

    def all_committed(self, lanes: Mapping[TopicPartition, Lane]) -> bool:
        """Whether the broker has all that may be committed."""
        return not self._due(lanes)

    def commit_now(self, lanes: Mapping[TopicPartition, Lane]) -> None:
        """Commit what is due, and wait for it; where that fails, it comes again."""
        if due := self._due(lanes):
            try:
                self._consumer.commit_now({partition: position for partition, (_lane, position) in due.items()})
            except KafkaError as error:
                log.warning("not committed before the end", error=str(error))

    def _due(self, lanes: Mapping[TopicPartition, Lane]) -> dict[TopicPartition, tuple[Lane, int]]:
        return {
            partition: (lane, position)
            for partition, lane in lanes.items()
            if (position := lane.position) is not None and position != lane.committed
        }

    def _answered(self, due: Mapping[TopicPartition, tuple[Lane, int]], error: Exception | None) -> None:
        self._under_way = False
        if error is not None:
            self._metrics.failed_commits += 1
            self._committed_at, self._failed = time.monotonic(), True
            log.debug("not committed; tried again, unless the group has moved on", error=str(error))
            return
        self._metrics.commits += 1
        self._failed = False
        for lane, position in due.values():
            lane.committed = position
