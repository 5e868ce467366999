"""What a consumer remembers across restarts and hand-overs: a topic that follows the partitions of its source.

As Kafka Streams keeps its state: what is remembered of partition 3 of the source is in partition 3 of `SERVICE.memory`,
compacted, and kept as long as the source. Who is given a partition reads what is remembered of it first.
"""

from typing import Protocol


class Words(Protocol):
    """Where memories are kept (remembering.py)."""

    def words(self, event_id: str) -> list[str]: ...

    def remember(self, event_id: str, word: str) -> None: ...


class Memory:
    """What is remembered of one event: words, such as the channels that have been told of it."""

    def __init__(self, event_id: str, partition: Words):
        self.event_id = event_id
        """The `ce_id` of the event, or `TOPIC/PARTITION/OFFSET` where it has none."""
        self._partition = partition

    def __contains__(self, word: str) -> bool:
        return word in self._partition.words(self.event_id)

    def add(self, word: str) -> None:
        """Remember it; returns when the broker has it. Raises Passing where it does not answer."""
        self._partition.remember(self.event_id, word)
