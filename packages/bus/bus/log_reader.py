"""Reads what topics hold, from one offset to another, without a group and without a trace."""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from .clients import connect_consumer
from .reader import readable_ends
from .settings import KafkaSettings

TIMEOUT_SECONDS = 15.0
"""For the cluster to answer, and between two records."""
FETCH_WAIT_MS = 50
STEP_TIMEOUT_MS = 1_000


class LogReader:
    """Reads partitions in stretches. Each call raises ConnectionError where the cluster does not answer in time.

    A refused login ends the process with status 78.
    """

    def __init__(self, settings: KafkaSettings):
        self._settings = settings
        self._touch()
        with self._answered():
            self._consumer: Any = connect_consumer(settings, self._late, fetch_max_wait_ms=FETCH_WAIT_MS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def topics(self) -> set[str]:
        """All there are, as named on the cluster."""
        self._touch()
        with self._answered():
            return set(self._consumer.topics())

    def ranges(self, topics: Collection[str]) -> Mapping[TopicPartition, tuple[int, int]]:
        """First offset, and the one after the last, of each partition of those of `topics` that there are."""
        self._touch()
        with self._answered():
            there = self._consumer.topics()  # else each that is missing would be asked for, one after another
            partitions = [
                TopicPartition(name, number)
                for name in map(self._settings.topic, topics)
                if name in there
                for number in sorted(self._consumer.partitions_for_topic(name) or ())
            ]
            if not partitions:
                return {}
            begins = self._consumer.beginning_offsets(partitions)
            ends = readable_ends(self._settings, begins, self._late)
            return {one: (begins[one], ends[one]) for one in partitions}

    def read(self, partition: TopicPartition, begin: int, end: int) -> Iterator[Any]:
        """The records from `begin` to before `end`, where they are still there. One iteration at a time."""
        self._touch()
        with self._answered():
            self._consumer.assign([partition])
            self._consumer.seek(partition, begin)
            while (self._consumer.position(partition, timeout_ms=STEP_TIMEOUT_MS) or 0) < end:
                if self._late():
                    raise InterruptedError
                for record in self._consumer.poll(timeout_ms=STEP_TIMEOUT_MS).get(partition, ()):
                    self._touch()
                    if record.offset >= end:
                        return
                    yield record

    def _touch(self) -> None:
        self._deadline = time.monotonic() + TIMEOUT_SECONDS

    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    @contextmanager
    def _answered(self) -> Iterator[None]:
        try:
            yield
        except (InterruptedError, KafkaError) as error:
            raise ConnectionError(f"no broker answers at {self._settings.kafka_bootstrap_servers}") from error
