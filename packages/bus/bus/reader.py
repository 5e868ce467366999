"""Reads all partitions of topics, without a group: every reader sees every record."""

from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from typing import Any

from kafka import TopicPartition

from .clients import connect_admin, connect_consumer
from .kafka_fixes import readable_end, watch_logins
from .settings import KafkaSettings
from .topics import ensure

POSITION_WITHIN_MS = 5_000
LOOK_AGAIN_MS = 50


class TopicReader:
    """Reads topics, by their names in the suite, also those partitions that they are given later. For one thread."""

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Collection[str],
        begin_at: Mapping[TopicPartition, int],
        from_start: bool,
        stopping: Callable[[], bool],
    ):
        """Creates what topics are missing; waits for a broker.

        Begins at those offsets; elsewhere `from_start`, or with what comes from now on. Raises InterruptedError when
        `stopping` says so, SystemExit where the broker refuses the login.
        """
        with connect_admin(settings, stopping) as admin:
            ensure(admin, settings, topics)
        self._topics = [settings.topic(name) for name in topics]
        self._begin_at = dict(begin_at)
        self._from_now = not from_start
        self._resources = ExitStack()
        reset = "earliest" if from_start else "latest"
        self._consumer: Any = self._resources.enter_context(
            connect_consumer(settings, stopping, auto_offset_reset=reset)
        )
        self._logins = self._resources.enter_context(watch_logins())
        self.look_for_partitions()

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, list[Any]]:
        """The records that have arrived. Raises KafkaError; of a login that is refused it tells nothing."""
        batches: Mapping[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=timeout_ms)
        return batches

    def look_for_partitions(self) -> None:
        """Read what partitions the topics have been given since, too. Raises KafkaError."""
        there = {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in self._consumer.partitions_for_topic(topic) or ()
        }
        before = self._consumer.assignment()
        new = there - before
        if not new:
            return
        self._consumer.assign(there)
        for partition in new & self._begin_at.keys():
            self._consumer.seek(partition, self._begin_at[partition])
        if self._from_now:
            grown = {partition.topic for partition in before}
            for partition in new - self._begin_at.keys():
                if partition.topic in grown:
                    self._consumer.seek(partition, 0)
                else:  # what comes while the first fetch is on its way counts
                    self._consumer.position(partition, timeout_ms=POSITION_WITHIN_MS)

    def positions(self) -> dict[TopicPartition, int]:
        """The next offset of each partition that a fetch has told the end of."""
        told = [one for one, end in self.ends().items() if end is not None]
        positions = {one: self._consumer.position(one, timeout_ms=1_000) for one in told}
        return {one: offset for one, offset in positions.items() if offset is not None}

    def ends(self) -> dict[TopicPartition, int | None]:
        """Where each partition ends for who reads what is committed, as a fetch told it; None before the first."""
        return {one: readable_end(self._consumer, one) for one in self._consumer.assignment()}

    def login_refused(self) -> bool:
        """Whether a login of this process was refused since this reader has connected."""
        return self._logins.refused

    def close(self) -> None:
        self._resources.close()


def readable_ends(
    settings: KafkaSettings, positions: Mapping[TopicPartition, int], late: Callable[[], bool]
) -> dict[TopicPartition, int]:
    """Where those partitions end now for who reads what is committed, as a fetch from their positions tells it.

    Not as `end_offsets` does: Tansu's may be behind. Raises InterruptedError when it is `late`.
    """
    with connect_consumer(settings, late, fetch_max_wait_ms=1, max_poll_records=1) as consumer:
        consumer.assign(positions)
        for partition, offset in positions.items():
            consumer.seek(partition, offset)
        ends: dict[TopicPartition, int] = {}
        while len(ends) < len(positions):
            if late():
                raise InterruptedError
            consumer.poll(timeout_ms=LOOK_AGAIN_MS)
            ends = {one: end for one in positions if (end := readable_end(consumer, one)) is not None}
        return ends
