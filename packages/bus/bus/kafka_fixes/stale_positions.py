"""A consumer that comes back to its group keeps its positions, although others may have had the partitions.

Symptom: after generations without it a consumer goes on at its own old offset, not at the committed one, and records
are handled twice or out of order. Seen in kafka-python 3.0.12: `assign_from_subscribed` keeps the state of partitions
that are assigned again, with no regard for the generations between. No public issue known.
"""

from collections.abc import Iterable
from typing import Any

from kafka import TopicPartition


def restart_from_committed(consumer: Any, partitions: Iterable[TopicPartition]) -> None:
    """Have `consumer` read `partitions`, all that it is assigned, from where its group has committed.

    Forgets positions, buffered records and pauses; call it in on_partitions_assigned.
    """
    consumer._subscription.assign_from_subscribed([])
    consumer._subscription.assign_from_subscribed(list(partitions))
