"""Reads records of any topic at any place, without a group: for people who look."""

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.errors import KafkaError

from .clients import connect_consumer
from .kafka_fixes import UnreadableRecord, readable_end
from .settings import KafkaSettings

__all__ = ["Bounds", "Browser", "UnreadableRecord", "Wanted"]

ANSWER_WITHIN_SECONDS = 5.0
POLL_MS = 100
FETCH_WAIT_MS = 50


class Bounds(NamedTuple):
    """What a partition holds: from `begin` on, before `end`."""

    begin: int
    end: int


class Wanted(NamedTuple):
    """At most so many records, from `offset` on, of those with a time of `since_ms` or later."""

    offset: int
    most: int
    since_ms: int = 0


class Browser:
    """One consumer for a process, made at the first question; one question at a time. Thread-safe.

    Topics are named as on the cluster. Every question raises ConnectionError where the cluster does not answer in time.
    """

    def __init__(self, settings: KafkaSettings):
        self._settings = settings
        self._lock = threading.Lock()
        self._open: Any = None

    def bounds(self, topic: str) -> dict[int, Bounds]:
        """What each partition of `topic` holds; empty for a topic that is not there."""
        with self._lock, _Answer(self) as consumer:
            if topic not in consumer.topics():
                return {}
            partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            begins, ends = consumer.beginning_offsets(partitions), self._ends(consumer, partitions)
            return {
                one.partition: Bounds(begins[one], max(begins[one], ends[one]))
                for one in sorted(partitions, key=lambda one: one.partition)
            }

    def offsets_at(self, topic: str, partitions: Mapping[int, Bounds], at_ms: int) -> dict[int, int]:
        """The first offset of each of those partitions with a time of `at_ms` or later; else its end.

        On Tansu it may be an earlier one: that of the batch.
        """
        with self._lock, _Answer(self) as consumer:
            found = consumer.offsets_for_times({TopicPartition(topic, number): at_ms for number in partitions})
        offsets = {}
        for number, bounds in partitions.items():
            there = found.get(TopicPartition(topic, number))
            # Where there is none, Kafka says nothing, Tansu says offset 0 and time -1.
            offsets[number] = there.offset if there is not None and there.timestamp >= 0 else bounds.end
        return offsets

    def read(self, wanted: Mapping[tuple[str, int], Wanted], max_bytes: int) -> list[Any]:
        """The records that are wanted, of each partition (topic, number) in its order, as long as they fit into about
        `max_bytes`.

        A record that cannot be read comes with an UnreadableRecord as its value.
        """
        left = {TopicPartition(*place): one for place, one in wanted.items() if one.most > 0}
        records: list[Any] = []
        begins = {partition: one.offset for partition, one in left.items()}
        with self._lock, _Answer(self) as consumer, _assigned(consumer, begins):
            deadline = time.monotonic() + ANSWER_WITHIN_SECONDS
            while left and max_bytes > 0 and time.monotonic() < deadline:
                for partition, batch in consumer.poll(timeout_ms=POLL_MS).items():
                    if partition not in left:
                        continue
                    one = left[partition]
                    fitting = [record for record in batch if record.timestamp >= one.since_ms][: one.most]
                    for record in fitting:
                        max_bytes -= len(record.value or b"") + len(record.key or b"")
                        if max_bytes < 0 and records:
                            return records
                        records.append(record)
                    left[partition] = one._replace(most=one.most - len(fitting))
                for partition, one in list(left.items()):
                    if one.most == 0 or _is_at_end(consumer, partition):
                        consumer.pause(partition)
                        del left[partition]
        return records

    def _ends(self, consumer: Any, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Where those partitions end, as a fetch tells it: what Tansu says when it is asked may be behind."""
        told: dict[TopicPartition, int] = consumer.end_offsets(partitions)
        ends: dict[TopicPartition, int] = {}
        with _assigned(consumer, told):
            deadline = time.monotonic() + ANSWER_WITHIN_SECONDS
            while len(ends) < len(told) and time.monotonic() < deadline:
                consumer.poll(timeout_ms=FETCH_WAIT_MS)
                ends = {one: end for one in told if (end := readable_end(consumer, one)) is not None}
        return told | ends

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _consumer(self) -> Any:
        if self._open is None:
            deadline = time.monotonic() + ANSWER_WITHIN_SECONDS
            self._open = connect_consumer(
                self._settings,
                lambda: time.monotonic() > deadline,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_poll_records=200,
                request_timeout_ms=round(ANSWER_WITHIN_SECONDS * 1_000),
            )
        return self._open

    def _drop(self) -> None:
        consumer, self._open = self._open, None
        if consumer is not None:
            with suppress(KafkaError, OSError):
                consumer.close()

    def _no_answer(self, error: BaseException) -> ConnectionError:
        self._drop()
        return ConnectionError(f"{self._settings.kafka_bootstrap_servers}: {type(error).__name__}")


@contextmanager
def _assigned(consumer: Any, offsets: Mapping[TopicPartition, int]) -> Iterator[None]:
    """The consumer stands at those offsets, until the end of the block."""
    consumer.assign(list(offsets))
    try:
        for partition, offset in offsets.items():
            consumer.seek(partition, offset)
        yield
    finally:
        consumer.assign([])


def _is_at_end(consumer: Any, partition: TopicPartition) -> bool:
    end, position = readable_end(consumer, partition), consumer.position(partition, timeout_ms=1_000)
    return end is not None and position is not None and position >= end


class _Answer:
    """The consumer for one question; what goes wrong with the cluster becomes a ConnectionError."""

    def __init__(self, browser: Browser):
        self._browser = browser

    def __enter__(self) -> Any:
        try:
            return self._browser._consumer()
        except (KafkaError, OSError, InterruptedError, SystemExit) as error:  # SystemExit: the login was refused
            raise self._browser._no_answer(error) from error

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, (KafkaError, OSError)):
            raise self._browser._no_answer(error) from error
