"""What a consumer remembers across restarts and rebalances: a state store that follows the partitions of its source.

As Kafka Streams keeps its state: that of partition 3 of the source is in partition 3 of the topic `SERVICE.memory`,
compacted, and kept as long as the source. Who is assigned a partition reads its state first.
"""

import threading
from collections.abc import Callable, Collection
from typing import Any, Protocol


class Store(Protocol):
    """The state of one partition: JSON under keys (state_store.py)."""

    def get(self, key: str) -> Any: ...

    def put(self, key: str, value: Any) -> None: ...


class State:
    """What a handler remembers: of the event at hand marks, such as the channels that have been told of it; under any
    other key, such as a conversation, any JSON.

    Topics that a service reads as one group share the state of their partitions of the same number.
    """

    def __init__(self, event_id: str, store: Store, attempt: int = 1):
        self.event_id = event_id
        """The `ce_id` of the event, or `TOPIC/PARTITION/OFFSET` where it has none."""
        self.attempt = attempt
        """How often the handler has been called with the record since this process has it, this time included."""
        self._store = store

    def __contains__(self, mark: str) -> bool:
        return mark in (self._store.get(self.event_id) or [])

    def add(self, mark: str) -> None:
        """Mark the event; returns when the broker has it. Raises RetryableError where it does not answer."""
        self.put(self.event_id, [*(self.get(self.event_id) or []), mark])

    def get(self, key: str) -> Any:
        """What was last put under the key, or None. Raises RetryableError as `add` does."""
        return self._store.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep `value` (JSON) under the key; returns when the broker has it. Raises RetryableError as `add` does."""
        self._store.put(key, value)


class StateStores:
    """The stores of the partitions that this consumer has, opened when they are first needed. Thread-safe."""

    def __init__(self, open_store: Callable[[int], Store]):
        """`open_store`: from the number of a partition to its store."""
        self._open = open_store
        self._lock = threading.Lock()
        self._stores: dict[int, Store] = {}

    def of(self, partition: int) -> Store:
        with self._lock:
            if partition not in self._stores:
                self._stores[partition] = self._open(partition)
            return self._stores[partition]

    def keep_only(self, partitions: Collection[int]) -> None:
        """Forget the others: another consumer may add to them from now on."""
        with self._lock:
            self._stores = {number: store for number, store in self._stores.items() if number in partitions}

    @property
    def partitions(self) -> list[int]:
        return sorted(self._stores)
