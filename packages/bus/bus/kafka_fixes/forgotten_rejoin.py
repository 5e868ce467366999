"""A rebalance that began because metadata changed is forgotten when metadata changes again.

Symptom: a consumer is left without partitions, heartbeats or another try to join, for good. So after a restart of the
broker, which knows no topic at first: the consumer begins to join, and `need_rejoin` answers no when the topics are
back, although partitions have been revoked. And so at the first join of a new topic, where polls are short. Seen in
kafka-python 3.0.12. No public issue known.
"""

from typing import Any

from kafka.coordinator.consumer import ConsumerCoordinator


def apply() -> None:
    need_rejoin = ConsumerCoordinator.need_rejoin

    def until_joined(coordinator: Any) -> bool:
        return bool(coordinator.rejoining or need_rejoin(coordinator))

    ConsumerCoordinator.need_rejoin = until_joined


def rejoin(consumer: Any) -> None:
    """Have `consumer` join its group again with the next poll."""
    consumer._coordinator.request_rejoin()
