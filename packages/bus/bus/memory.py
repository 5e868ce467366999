"""What a consumer remembers across restarts and hand-overs: a topic that follows the partitions of its source.

As Kafka Streams keeps its state: what is remembered of partition 3 of the source is in partition 3 of `SERVICE.memory`,
compacted, and kept as long as the source. Who is given a partition reads what is remembered of it first.
"""

from typing import Any, Protocol


class Kept(Protocol):
    """Where memories of a partition are kept (remembering.py): JSON under a key."""

    def get(self, key: str) -> Any: ...

    def put(self, key: str, value: Any) -> None: ...


class Memory:
    """What is remembered: of the event at hand words, such as the channels that have been told of it; of a subject
    that spans events of one key, such as a conversation, any JSON.

    Topics that a service reads as one group share what is remembered of their partitions of the same number.
    """

    def __init__(self, event_id: str, partition: Kept):
        self.event_id = event_id
        """The `ce_id` of the event, or `TOPIC/PARTITION/OFFSET` where it has none."""
        self._partition = partition

    def __contains__(self, word: str) -> bool:
        return word in (self._partition.get(self.event_id) or [])

    def add(self, word: str) -> None:
        """Remember it of the event; returns when the broker has it. Raises Passing where it does not answer."""
        self.keep(self.event_id, [*(self.recall(self.event_id) or []), word])

    def recall(self, subject: str) -> Any:
        """What was last kept of the subject, or None."""
        return self._partition.get(subject)

    def keep(self, subject: str, value: Any) -> None:
        """Remember `value` (JSON) of the subject; returns when the broker has it. Raises Passing as `add` does."""
        self._partition.put(subject, value)
