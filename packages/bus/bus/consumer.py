"""The consumer of a group, as the runtime knows it: records in, offsets out, and a word when something has arrived."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import CoordinatorNotAvailableError, IllegalStateError

from . import kafka_fixes
from .clients import connect_consumer
from .settings import KafkaSettings

FETCH_BYTES = 1024 * 1024
"""Bytes of all partitions in one fetch; a record that is larger comes alone."""
PARTITION_FETCH_BYTES = 256 * 1024
"""Bytes of one partition in one fetch."""
PAUSED_FETCH_WAIT_MS = 100
"""How long the broker may wait for records, before it answers a fetch, while partitions are paused."""
POLL_BYTES = 4 * 1024 * 1024
"""Bytes of memory that one poll gives out at most, or one record."""


class GroupConsumer:
    """One member of a consumer group. For one thread, but for what `notify` and the listener are told."""

    def __init__(self, settings: KafkaSettings, group: str, client_id: str, stopping: Callable[[], bool]):
        """Waits for a broker. Raises InterruptedError when `stopping` says so."""
        self._settings = settings
        self._watching = ExitStack()
        self._logins = self._watching.enter_context(kafka_fixes.watch_logins())
        self._consumer: Any = connect_consumer(
            settings,
            stopping,
            group_id=group,
            client_id=client_id,
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=min(3_000, settings.kafka_session_timeout_ms // 3),
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )

    def subscribe(self, topics: Iterable[str], listener: Any, notify: Callable[[], None]) -> None:
        """Read the topics. `listener` is told of rebalances; `notify` is called, from any thread, when to poll."""
        kafka_fixes.bound_poll(self._consumer, POLL_BYTES)
        kafka_fixes.notify_arrivals(self._consumer, notify)
        self._consumer.subscribe(list(topics), listener=listener)

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, list[Any]]:
        """The records that have arrived. Raises KafkaError."""
        batches: Mapping[TopicPartition, list[Any]] = self._consumer.poll(timeout_ms=timeout_ms, max_records=2**31)
        return batches

    def rebalancing(self) -> bool:
        """Whether the group moves partitions: the next poll joins it anew, and others may get what this member has."""
        return bool(self._consumer._coordinator.need_rejoin())

    def has_more(self) -> bool:
        """Whether records have arrived that the next poll gives out."""
        return kafka_fixes.has_buffered_records(self._consumer)

    def fetch_only(self, wanted: Callable[[TopicPartition], bool]) -> bool:
        """Fetch of the assigned partitions only those that are `wanted`. Returns whether one of them flows again."""
        assigned, paused = self._consumer.assignment(), self._consumer.paused()
        unwanted = {partition for partition in assigned if not wanted(partition)}
        resume = (paused & assigned) - unwanted
        with suppress(KeyError):  # a partition has gone in this very moment
            self._consumer.pause(*(unwanted - paused))
            self._consumer.resume(*resume)
        # A partition that flows again has to wait for the answer about the others.
        longest = self._settings.kafka_fetch_max_wait_ms
        kafka_fixes.set_fetch_wait(self._consumer, min(longest, PAUSED_FETCH_WAIT_MS) if unwanted else longest)
        return bool(resume)

    def flowing(self) -> set[TopicPartition]:
        """The partitions that are fetched."""
        flowing: set[TopicPartition] = self._consumer.assignment() - self._consumer.paused()
        return flowing

    def offsets(self) -> dict[TopicPartition, tuple[int, int | None]]:
        """Of each partition that has a position: that, and the end that the last fetch told. Asks nobody."""
        offsets: dict[TopicPartition, tuple[int, int | None]] = {}
        with suppress(IllegalStateError, RuntimeError):  # partitions go in this very moment
            for partition, position in self._consumer._subscription.all_consumed_offsets().items():
                offsets[partition] = position.offset, kafka_fixes.readable_end(self._consumer, partition)
        return offsets

    def behind(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """Positions of those of the partitions that have more in the log. Asks the broker.

        Raises KafkaError where none answers; TypeError for a partition without a position.
        """
        any_partition = TopicPartition(min(self._consumer.subscription()), 0)
        ends = self._consumer.end_offsets(list(partitions) or [any_partition], timeout_ms=3_000)
        return {
            partition: at
            for partition in partitions
            if (at := self._consumer.position(partition, timeout_ms=1_000)) < ends[partition]
        }

    def commit(self, positions: Mapping[TopicPartition, int], done: Callable[[Exception | None], None]) -> None:
        """Commit, and call `done` from any thread with the error, or None. Raises KafkaError."""
        if self._consumer._coordinator.coordinator_unknown():  # else the future would be that of looking for it
            raise CoordinatorNotAvailableError
        offsets = {partition: OffsetAndMetadata(at, "", -1) for partition, at in positions.items()}
        future = self._consumer.commit_async(offsets, callback=lambda _offsets, _response: None)
        future.add_callback(lambda _response: done(None))
        future.add_errback(done)

    def commit_now(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit, and wait for it. Raises KafkaError."""
        offsets = {partition: OffsetAndMetadata(at, "", -1) for partition, at in positions.items()}
        self._consumer.commit(offsets, timeout_ms=3_000)

    def member(self) -> tuple[str, int]:
        """Who this consumer is in its group, and the group's generation."""
        metadata = self._consumer.group_metadata()
        return metadata.member_id, metadata.generation_id

    def rejoin(self) -> None:
        """Join the group again by all means."""
        kafka_fixes.rejoin(self._consumer)

    def restart_from_committed(self, partitions: Iterable[TopicPartition]) -> None:
        """Have the partitions begin where their group has committed."""
        kafka_fixes.restart_from_committed(self._consumer, partitions)

    def login_refused(self) -> bool:
        """Whether a login of this process was refused since the last call."""
        refused, self._logins.refused = self._logins.refused, False
        return refused

    def close(self) -> None:
        """Leave the group. Raises KafkaError where that does not work in order."""
        self._watching.close()
        self._consumer.close(timeout_ms=2_000)
