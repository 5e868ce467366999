"""Looks at a cluster from outside, once: who is in a group, how far it is behind, what a topic holds."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import (
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    KafkaError,
    UnknownTopicOrPartitionError,
)

from .clients import create_client
from .settings import KafkaSettings

_EARLIEST, _LATEST = -2, -1
"""In place of a time: the begin and the end of a partition."""


@dataclass(frozen=True)
class Group:
    """A consumer group, as the broker describes it."""

    state: str
    """Stable, Empty, PreparingRebalance, …"""
    members: int
    assigned: frozenset[TopicPartition]
    """The partitions that its members have."""


class Inspection:
    """A connection for a few questions. Each raises ConnectionError where the cluster does not answer in time."""

    def __init__(self, settings: KafkaSettings, timeout_seconds: float = 5.0):
        self._settings = settings
        timeout_ms = round(timeout_seconds * 1_000)
        options = settings.connection() | {"bootstrap_timeout_ms": timeout_ms, "request_timeout_ms": timeout_ms}
        try:
            self._admin: KafkaAdminClient = create_client(KafkaAdminClient, **options)
        except (KafkaError, OSError) as error:
            raise self._no_answer(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._admin.close()
        if isinstance(error, (KafkaError, OSError)) and not isinstance(error, ConnectionError):
            raise self._no_answer(error) from error

    def members(self, service: str) -> int:
        """How many consumers are in the group of `service`; 0 for a group that never was."""
        group = self._settings.group(service)
        try:
            return len(self._admin.describe_groups([group])[group]["members"])
        except GroupIdNotFoundError:
            return 0

    def lag(self, service: str, topics: list[str]) -> dict[str, int]:
        """How many records of each of `topics` the group of `service` has not committed.

        Where it has committed nothing yet, all that a partition holds counts.
        """
        group = self._settings.group(service)
        try:
            committed = self._admin.list_group_offsets(group)[group]
        except GroupIdNotFoundError:
            committed = {}
        behind = {}
        for topic in topics:
            partitions = self._partitions(topic)
            first, end = self._offsets(partitions, _EARLIEST), self._offsets(partitions, _LATEST)
            behind[topic] = 0
            for partition in partitions:
                done = committed.get(partition)
                begin = done.offset if done and done.offset >= 0 else first[partition]
                behind[topic] += max(0, end[partition] - (end[partition] if begin < 0 else begin))
        return behind

    def recent(self, topic: str, seconds: float) -> int:
        """How many records `topic` got in the last `seconds`; 0 for a topic that is missing.

        On Tansu, those that came in one batch may count as one.
        """
        partitions = self._partitions(topic)
        if not partitions:
            return 0
        begin = round((time.time() - seconds) * 1_000)
        since, end = self._offsets(partitions, begin), self._offsets(partitions, _LATEST)
        return sum(end[partition] - since[partition] for partition in partitions if since[partition] >= 0)

    def missing(self, topics: list[str]) -> list[str]:
        """Those of `topics` that the cluster does not have, by the names that they have there."""
        return [self._settings.topic(topic) for topic in topics if not self._partitions(topic)]

    def topics(self) -> dict[str, int]:
        """How many partitions each topic of the cluster has, by the name that it has there."""
        return {
            topic["name"]: len(topic["partitions"])
            for topic in self._admin.describe_topics()
            if not topic["error_code"]
        }

    def group_names(self) -> list[str]:
        """All consumer groups of the cluster, by the names that they have there."""
        return sorted({group["group_id"] for group in self._admin.list_groups()})

    def groups(self, names: Collection[str]) -> dict[str, Group | None]:
        """Each group of those names (as on the cluster); None for one that the broker does not describe."""
        if not names:
            return {}
        return {name: _described(found) for name, found in self._admin.describe_groups(list(names)).items()}

    def committed(self, groups: Collection[str]) -> dict[str, dict[TopicPartition, int]]:
        """What each of those groups (as named on the cluster) has committed, but for those this user may not see."""
        if not groups:
            return {}
        try:
            told = self._admin.list_group_offsets(dict.fromkeys(groups))
        except GroupAuthorizationFailedError:
            if len(groups) == 1:
                return {}
            return {name: offsets for group in groups for name, offsets in self.committed([group]).items()}
        return {
            group: {partition: at.offset for partition, at in found.items() if at.offset >= 0}
            for group, found in told.items()
        }

    def begins(self, topics: Mapping[str, int]) -> dict[TopicPartition, int]:
        """The first offset that each partition still has; `topics` as `topics()` has told them."""
        return self._offsets(_partitions_of(topics), _EARLIEST)

    def ends(self, topics: Mapping[str, int]) -> dict[TopicPartition, int]:
        """The offset after the last of each partition; `topics` as for `begins`. Tansu's may be behind."""
        return self._offsets(_partitions_of(topics), _LATEST)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        name = self._settings.topic(topic)
        try:
            (found,) = self._admin.describe_topics([name])
        except UnknownTopicOrPartitionError:
            return []
        return [TopicPartition(name, partition["partition_index"]) for partition in found["partitions"]]

    def _offsets(self, partitions: list[TopicPartition], at: int) -> dict[TopicPartition, int]:
        """The first offset of each partition with a time of `at` (ms since 1970) or later; -1 where there is none."""
        if not partitions:
            return {}
        found = self._admin.list_partition_offsets(dict.fromkeys(partitions, at))
        # Where there is none, Kafka says offset -1, Tansu says 0; both say time -1.
        return {
            partition: -1 if at >= 0 and found[partition].timestamp < 0 else found[partition].offset
            for partition in partitions
        }

    def _no_answer(self, error: Exception) -> ConnectionError:
        return ConnectionError(f"{self._settings.kafka_bootstrap_servers}: {type(error).__name__}")


def _partitions_of(topics: Mapping[str, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, count in topics.items() for number in range(count)]


def _described(group: dict[str, Any]) -> Group | None:
    if group["error"]:
        return None
    assigned = set()
    for member in group["members"]:
        assignment = member["member_assignment"]
        if isinstance(assignment, dict):  # else it is of another protocol than that of consumers
            for topic in assignment["assigned_partitions"]:
                assigned |= {TopicPartition(topic["topic"], number) for number in topic["partitions"]}
    return Group(group["group_state"], len(group["members"]), frozenset(assigned))
