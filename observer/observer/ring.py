"""The summaries of the newest records, bounded in bytes."""

import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping

from .summary import Summary

Place = tuple[str, int]
"""A topic and a partition."""


class Ring:
    """Thread-safe."""

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self._records: deque[Summary] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self.since_ms = 0
        """Of the records before this time some may be missing."""

    def add(self, records: Iterable[Summary], began: Mapping[Place, int]) -> None:
        """Keep `records`, and let go of the oldest. `began`: the offsets before which partitions were not read."""
        with self._lock:
            for record in records:
                if 0 < began.get((record.topic, record.partition), -1) == record.offset:
                    self.since_ms = max(self.since_ms, record.at)
                self._records.append(record)
                self._bytes += record.memory_bytes
            while self._bytes > self._max_bytes:
                gone = self._records.popleft()
                self._bytes -= gone.memory_bytes
                self.since_ms = max(self.since_ms, gone.at + 1)

    def all(self) -> list[Summary]:
        """What is held, in the order of arrival."""
        with self._lock:
            return list(self._records)

    def at(self, topic: str, partition: int, offset: int) -> Summary | None:
        """The record at that place, where it is held."""
        return next(
            (one for one in self.all() if one.offset == offset and one.partition == partition and one.topic == topic),
            None,
        )

    def select(self, limit: int, **wanted: str | None) -> list[Summary]:
        """The newest `limit` records whose fields have the values `wanted` (None: any), newest last."""
        asked = [(Summary._fields.index(name), value) for name, value in wanted.items() if value is not None]
        found = [one for one in self.all() if all(one[field] == value for field, value in asked)]
        return sorted(found, key=lambda one: (one.at, one.topic, one.partition, one.offset))[-limit:]

    def times(self, places: Collection[tuple[str, int, int]]) -> dict[tuple[str, int, int], int]:
        """When the records at those places (topic, partition, offset) were written, of those that are held."""
        if not places:
            return {}
        return {place: one.at for one in self.all() if (place := one[:3]) in places}
