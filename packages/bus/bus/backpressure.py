"""Decides of which partitions more is fetched, so that what is in hand stays bounded, in records and in bytes."""

from collections import Counter
from collections.abc import Collection, Mapping

from kafka import TopicPartition

from .lane import Lane

MAX_LANE_RECORDS = 2_000
"""Records of one partition, not done, past which it is paused; at half of it, it flows again."""
MAX_IN_HAND_BYTES = 16 * 1024 * 1024
"""Memory of all records, not done. Each topic has an equal part: past it all its partitions are paused; at half of it,
they flow again. So a topic whose handler waits for something leaves the others their part."""
MAX_REPLAYS_IN_HAND_BYTES = 4 * 1024 * 1024
"""The same of replayed dead letters, which come beside."""


class Backpressure:
    """Which partitions are paused."""

    def __init__(self, topics: int = 1, replay_topics: Collection[str] = ()) -> None:
        """`topics`: how many are read; beside them `replay_topics`, as named on the cluster."""
        self._max_topic_bytes = MAX_IN_HAND_BYTES / topics
        self._max_replay_bytes = MAX_REPLAYS_IN_HAND_BYTES / max(1, len(replay_topics))
        self._replay_topics = frozenset(replay_topics)
        self._full: set[TopicPartition] = set()
        self._full_topics: set[str] = set()

    def update(self, lanes: Mapping[TopicPartition, Lane]) -> bool:
        """Look at what is in hand. Returns whether a partition that was paused may flow again."""
        was_full, were_full_topics = self._full, self._full_topics
        in_hand: Counter[str] = Counter()
        for partition, lane in lanes.items():
            in_hand[partition.topic] += lane.bytes
        self._full_topics = {
            topic
            for topic, in_hand_bytes in in_hand.items()
            if in_hand_bytes > self._max_bytes(topic) / (2 if topic in were_full_topics else 1)
        }
        self._full = {
            partition
            for partition, lane in lanes.items()
            if len(lane.deliveries) >= MAX_LANE_RECORDS / (2 if partition in was_full else 1)
        }
        return bool(were_full_topics - self._full_topics or was_full - self._full)

    def _max_bytes(self, topic: str) -> float:
        return self._max_replay_bytes if topic in self._replay_topics else self._max_topic_bytes

    def flows(self, partition: TopicPartition) -> bool:
        """Whether the partition is to be fetched."""
        return partition.topic not in self._full_topics and partition not in self._full
