"""Shows no more records a second than a page can draw, evenly chosen, and says so."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

REPORT_EVERY_SECONDS = 1.0


class Sampler:
    """Lets `per_second` items pass. For one thread."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic):
        self._per_second = per_second
        self._clock = clock
        self._budget = float(per_second)
        self._at = self._reported_at = clock()
        self._seen = self._shown = 0

    def take(self, items: Sequence[T]) -> list[T]:
        """Those of `items` that are shown."""
        now = self._clock()
        self._budget = min(self._per_second, self._budget + (now - self._at) * self._per_second)
        self._at = now
        shown = evenly(items, int(self._budget))
        self._budget -= len(shown)
        self._seen += len(items)
        self._shown += len(shown)
        return shown

    def report(self) -> dict[str, int] | None:
        """Once a second, and only where some were left out: how many were seen and how many shown since the last."""
        now = self._clock()
        if now - self._reported_at < REPORT_EVERY_SECONDS:
            return None
        seen, shown = self._seen, self._shown
        self._reported_at, self._seen, self._shown = now, 0, 0
        return {"seen": seen, "shown": shown} if shown < seen else None


def evenly(items: Sequence[T], count: int) -> list[T]:
    """`count` of `items`, as far apart as they can be; all, where there are no more."""
    if count >= len(items):
        return list(items)
    return [items[number * len(items) // count] for number in range(count)]
