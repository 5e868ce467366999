"""A consumer without a broker, whose fetches a test answers."""

from types import SimpleNamespace
from typing import Any

from bus import kafka_fixes
from kafka import TopicPartition
from kafka.consumer.fetcher import CompletedFetch, Fetcher
from kafka.consumer.subscription_state import SubscriptionState
from kafka.record import MemoryRecordsBuilder
from kafka.structs import OffsetAndMetadata


def encoded(*values: bytes, first: int = 0) -> bytes:
    """A batch of records as it is in the log."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=100_000_000)
    for value in values:
        builder.append(1_000, b"key", value, [("name", b"x")])
    builder.close()
    batch = bytearray(builder.buffer())
    batch[:8] = first.to_bytes(8, "big")
    return bytes(batch)


class Consumer:
    """As much of a KafkaConsumer as the fixes of its fetcher need."""

    def __init__(self, *partitions: TopicPartition):
        kafka_fixes.apply()
        self._subscription = SubscriptionState()
        self._subscription.assign_from_user(partitions)
        for partition in partitions:
            self._subscription.seek(partition, OffsetAndMetadata(0, "", -1))
        manager = SimpleNamespace(_net=None, broker_version=(3, 9), cluster=None)
        self._fetcher = Fetcher(SimpleNamespace(_manager=manager), self._subscription, isolation_level="read_committed")

    def answer(self, partition: TopicPartition, records: bytes, offset: int = 0, **how: int) -> None:
        """A fetch from `offset` is answered."""
        told = {"high_watermark": 0, "last_stable_offset": 0, "preferred_read_replica": -1} | how
        data = SimpleNamespace(
            error_code=0, records=records, aborted_transactions=None, diverging_epoch=None, current_leader=None, **told
        )
        self._fetcher._completed_fetches.append(CompletedFetch(partition, offset, 12, data, None))

    def poll(self, max_records: int | None = None) -> dict[TopicPartition, list[Any]]:
        records: dict[TopicPartition, list[Any]] = self._fetcher.fetched_records(max_records)[0]
        return records

    def highwater(self, partition: TopicPartition) -> int | None:
        found: int | None = self._subscription.assignment[partition].highwater
        return found

    def pause(self, partition: TopicPartition) -> None:
        self._subscription.pause(partition)

    def resume(self, partition: TopicPartition) -> None:
        self._subscription.resume(partition)


def values(polled: dict[TopicPartition, list[Any]]) -> list[bytes]:
    """The values of all records of a poll."""
    return [record.value for records in polled.values() for record in records]
