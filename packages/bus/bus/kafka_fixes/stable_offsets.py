"""The last stable offset of a partition is fetched and dropped.

Symptom: a read-committed consumer cannot tell that it has read all there is: an open transaction holds its position
below `highwater()`, for as long as the transaction is open. Seen in kafka-python 3.0.12. No public issue known.
"""

from typing import Any

from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher


def last_stable_offset(consumer: Any, partition: TopicPartition) -> int | None:
    """The offset below which all transactions are decided, as the last fetch told it; None where none has told."""
    state = consumer._subscription.assignment.get(partition)
    return getattr(state, "last_stable_offset", None)


def readable_end(consumer: Any, partition: TopicPartition) -> int | None:
    """The offset up to which a read-committed consumer can read, as the last fetch told it; None before the first.

    The high water mark where the broker tells no last stable offset, or none that can be (the embedded broker).
    """
    high_water_mark: int | None = consumer.highwater(partition)
    stable = last_stable_offset(consumer, partition)
    if high_water_mark is None or stable is None:
        return high_water_mark
    return min(high_water_mark, stable)


def apply() -> None:
    parse_fetched_data = Fetcher._parse_fetched_data

    def with_last_stable_offset(fetcher: Any, completed: Any) -> Any:
        parsed = parse_fetched_data(fetcher, completed)
        state = fetcher._subscriptions.assignment.get(completed.topic_partition)
        if parsed is not None and state is not None:
            offset = completed.partition_data.last_stable_offset
            state.last_stable_offset = offset if offset is not None and offset >= 0 else None
        return parsed

    Fetcher._parse_fetched_data = with_last_stable_offset
