"""Watches whether there is progress: touches the heartbeat where there is, ends the process where there is none."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from service import EXIT_STALLED
from service.health import beat
from service.log import get_logger

from .metrics import Metrics

log = get_logger(__name__)

CHECK_EVERY_SECONDS = 10.0
"""Time between looks at the end of the log, which also feed the heartbeat."""
STALLED_AFTER_SECONDS = 90.0
"""Time without a turn of the loop, or without records where the log has some, after which a restart is due."""
STUCK_AFTER_SECONDS = 600.0
"""Time that one call of a handler may take in a thread before a restart is due."""
END_WITHIN_SECONDS = 9.0
"""Time after SIGTERM at which the process ends, whatever holds it up: what is not committed comes again."""


class Watchdog:
    """Belongs to the loop, but for the thread that watches the loop itself."""

    def __init__(self, service: str, consumer: Any, metrics: Metrics, end: Callable[[int], object] = os._exit):
        self._service = service
        self._consumer = consumer
        self._metrics = metrics
        self._end = end
        self._turned_at = time.monotonic()
        self._checked_at = 0.0
        self._behind: dict[tuple[TopicPartition, int], float] = {}
        """Where partitions stand that have more, and since when they have stood there."""
        self.status = 0
        """Exit status where the process has to be ended after its time."""

    def start(self, stopping: Callable[[float], bool]) -> None:
        """Watch the loop from a thread. `stopping` waits so many seconds for the end, and says whether it has come."""
        threading.Thread(target=self._watch_loop, args=(stopping,), daemon=True, name="watchdog").start()

    def turned(self) -> None:
        """The loop has turned, or is in the middle of much."""
        self._turned_at = time.monotonic()

    def next_due(self) -> float:
        """When the next check is due (time.monotonic)."""
        return self._checked_at + CHECK_EVERY_SECONDS

    def check(
        self, flowing: Collection[TopicPartition], oldest_call: float, unsettled_since: float | None, problem: str
    ) -> None:
        """Beat where the broker answers, end where records of the partitions `flowing` do not come.

        `oldest_call`: when the call began that has run longest; `unsettled_since`: since when the group rebalances;
        `problem`: a sentence that makes the service unhealthy, though it runs.
        """
        now = time.monotonic()
        if now < self.next_due():
            return
        self._checked_at = now
        if now - oldest_call > STUCK_AFTER_SECONDS:
            self._restart("a handler hangs; a restart is due", seconds=round(now - oldest_call))
            return
        try:
            behind = self._consumer.behind(flowing)
        except (KafkaError, TypeError):
            return  # no broker, or a partition without a position yet: nothing is proven
        if unsettled_since is not None:
            if now - unsettled_since > STALLED_AFTER_SECONDS:
                self._restart("the group does not come to rest; a restart is due")
            return
        self._behind = {place: self._behind.get(place, now) for place in behind.items()}
        if now - min(self._behind.values(), default=now) > STALLED_AFTER_SECONDS:
            self._restart("no progress; a restart is due", behind={str(tp): at for tp, at in behind.items()})
        self.beat(problem)

    def beat(self, problem: str = "") -> None:
        beat(self._service, problem)
        self._metrics.beat_at = time.time()

    def _watch_loop(self, stopping: Callable[[float], bool]) -> None:
        while not stopping(5.0):
            if time.monotonic() - self._turned_at > STALLED_AFTER_SECONDS:
                self._restart("the consumer hangs; a restart is due")
        time.sleep(END_WITHIN_SECONDS)
        self._end(self.status)

    def _restart(self, why: str, **details: Any) -> None:
        log.error(why, **details, threads=stacks())
        self._end(EXIT_STALLED)


def stacks() -> Mapping[str, str]:
    """What every thread of this process is doing, by its name."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {
        names.get(ident, str(ident)): "".join(traceback.format_stack(frame))
        for ident, frame in sys._current_frames().items()
    }
