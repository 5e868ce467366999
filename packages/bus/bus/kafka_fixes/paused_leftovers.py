"""What is left of a fetch when its partition is paused is not given out after the partition is resumed.

Symptom: the partition stands still, since it is not fetched either while records of it are parked. Seen in kafka-python
3.0.12 (parked records came with https://github.com/dpkp/kafka-python/pull/2981): they go back to the slot of the
partition that is being read only while that slot is None, which after its first use it is no more: it keeps the drained
records of the last partition.
"""

from typing import Any

from kafka.consumer.fetcher import Fetcher


def apply() -> None:
    fetched_records = Fetcher.fetched_records

    def with_leftovers(fetcher: Any, *args: Any, **kwargs: Any) -> tuple[Any, bool]:
        while True:
            if not fetcher._next_partition_records:
                fetcher._next_partition_records = None
            records, partial = fetched_records(fetcher, *args, **kwargs)
            if records or fetcher._next_partition_records or not has_resumed(fetcher):
                return records, partial

    Fetcher.fetched_records = with_leftovers


def has_resumed(fetcher: Any) -> bool:
    """Whether parked records may be given out again."""
    parked = [*fetcher._paused_partition_records, *fetcher._paused_completed_fetches]
    return any(not fetcher._subscriptions.is_paused(partition) for partition in parked)
