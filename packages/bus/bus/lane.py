"""Bookkeeping of one partition: what was delivered, what is done, and so what may be committed. No I/O."""

import random
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Literal

from events import Cause, Event

from .record import memory_bytes
from .replay import Replay

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
FAILING_PAUSE_SECONDS = 1.0
LONGEST_FAILING_PAUSE_SECONDS = 60.0
MAX_PROBES = 500
"""How many records are tried at once, at most, to see whether a handler works again."""

State = Literal["waiting", "running", "publishing", "done"]


class Delivery:
    """A record on its way through the worker. It alone changes its state; the lane keeps count.

    `cause` is what its answers name as the event that they answer, `event` what it says where that can be read.
    """

    __slots__ = (
        "attempts",
        "buried",
        "bytes",
        "cause",
        "crashes",
        "due",
        "event",
        "exhausted",
        "held",
        "lane",
        "original",
        "outgoing",
        "record",
        "replay",
        "single",
        "span",
        "state",
    )

    def __init__(self, record: Any, lane: "Lane"):
        self.record = record
        self.original = record
        """The record as it was delivered first, where this is a replay of it."""
        self.replay: Replay | None = None
        """What a replay says of itself."""
        self.lane = lane
        self.cause: Cause = NO_CAUSE
        self.event: Event | None = None
        self.state: State = "waiting"
        self.attempts = 0
        """How often a handler was called with it."""
        self.crashes = 0
        """How many child processes died of it."""
        self.due = 0.0
        """When it may be tried again (time.monotonic)."""
        self.single = False
        """Whether it is handled alone, no longer in a batch."""
        self.exhausted: Exception | None = None
        """Why no further attempt is made: what the handler's `on_failure` is to answer."""
        self.held = False
        """Whether its lane keeps it back because dead letters come one after another."""
        self.span: Any = None
        """What tracing.py knows the last call of its handler by."""
        self.buried = False
        """Whether it becomes a dead letter."""
        self.outgoing: list[Any] = []
        self.bytes = memory_bytes(record)

    @property
    def partition(self) -> int:
        return int(self.record.partition)

    def start(self) -> None:
        """Its handler is called."""
        self.state = "running"
        self.attempts += self.exhausted is None
        self.lane.under_way += 1
        if self.due:
            self.lane.delayed.discard(self)

    def give_back(self) -> None:
        """It was handed over, but its handler was not called: as if it had never been."""
        self._wait()
        self.attempts -= self.exhausted is None

    def retry(self, now: float, at_least_seconds: float = 0.0) -> float:
        """Wait before the next attempt: twice as long each time, with jitter. Returns the pause in seconds."""
        growing: float = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** min(10, max(0, self.attempts - 1)))
        pause = max(at_least_seconds, growing * random.uniform(0.8, 1.2))  # noqa: S311
        self._wait()
        self.delay(now + pause)
        return pause

    def delay(self, due: float) -> None:
        """Its handler is not called before then (time.monotonic)."""
        self.due = due
        self.lane.delayed.add(self)

    def retry_alone(self) -> None:
        """Its batch failed: it is tried again by itself, to find the record that is to blame."""
        self._wait()
        self.single, self.attempts = True, 0

    def give_up(self, error: Exception) -> None:
        """No further attempt is made: next, `on_failure` answers it."""
        self._wait()
        self.exhausted = error

    def hold(self) -> None:
        """Its dead letter is not published for now: its lane makes too many, one after another."""
        self._wait()
        self.held, self.exhausted, self.crashes = True, None, 0

    def publish(self, outgoing: list[Any]) -> None:
        """Its answers go out."""
        if self.state != "running":
            self.lane.under_way += self.state == "waiting"
        self.state = "publishing"
        more = sum(map(_value_bytes, outgoing)) - sum(map(_value_bytes, self.outgoing))
        self.outgoing = outgoing
        self.bytes += more
        self.lane.bytes += more

    def acknowledged(self, record: Any) -> None:
        """The broker has one of its answers."""
        self.outgoing = [one for one in self.outgoing if one is not record]
        self.bytes -= _value_bytes(record)
        self.lane.bytes -= _value_bytes(record)

    def finish(self) -> None:
        """The broker has all its answers."""
        if self.state != "done":
            self.lane.finished(self)
        self.state = "done"
        self.outgoing = []

    def _wait(self) -> None:
        if self.state != "waiting":
            self.lane.under_way -= 1
        self.state = "waiting"


NO_CAUSE = Cause("")


class Lane:
    """The deliveries of one partition that are not done, in the order in which they came."""

    def __init__(self) -> None:
        self.deliveries: OrderedDict[Delivery, None] = OrderedDict()
        self.committed: int | None = None
        self.fetched: int | None = None
        """Offset after the last record that was taken in."""
        self.live = True
        """Whether the partition is this consumer's still."""
        self.halted = False
        """Whether a record has to be tried again before those behind it, in a lane whose order counts."""
        self.under_way = 0
        """How many deliveries are running or publishing."""
        self.delayed: set[Delivery] = set()
        """Those that wait for their next attempt."""
        self.bytes = 0
        """Memory of all deliveries."""
        self.dead_letters = DeadLetterBreaker()
        self._began_at = 0
        self._out_of_order = False

    def take(self, record: Any) -> Delivery | None:
        """Note a record from the log. Returns None for one that is here already.

        A lower offset alone does not say that: a log that lost its end has other records there.
        """
        offset = record.offset
        if self.fetched is None:
            self._began_at = self.committed = offset
        elif offset < self.fetched:
            if any(delivery.record == record for delivery in self.deliveries):
                return None
            self._out_of_order = True
        self.fetched = offset + 1
        delivery = Delivery(record, self)
        self.deliveries[delivery] = None
        self.bytes += delivery.bytes
        return delivery

    def finished(self, delivery: Delivery) -> None:
        """Drop a delivery that is done."""
        del self.deliveries[delivery]
        self.delayed.discard(delivery)
        self.bytes -= delivery.bytes
        self.under_way -= delivery.state != "waiting"
        if not self.deliveries:
            self._out_of_order = False

    @property
    def position(self) -> int | None:
        """Offset up to which all is done: what may be committed."""
        if not self.deliveries:
            return self.fetched
        if self._out_of_order:
            return int(min(delivery.record.offset for delivery in self.deliveries))
        return int(next(iter(self.deliveries)).record.offset)

    def ready(self, now: float, ordered: bool, limit: int = 2**31, by_key: bool = False) -> list[Delivery]:
        """What may be started now, at most `limit`, besides those that have killed a child process.

        In order, nothing passes a record that is under way or waits; `by_key`, nothing with the same key does.
        """
        if ordered and self.under_way:
            return []
        if self.dead_letters.open:
            limit = min(limit, self.dead_letters.allowed(now) - self.under_way)
        firsts = self._first_of_keys() if by_key else self.deliveries
        ready: list[Delivery] = []
        for delivery in self._candidates(now):
            if limit <= 0:
                break
            if delivery not in firsts:
                continue
            if delivery.state == "waiting" and delivery.due <= now:
                ready.append(delivery)
                limit -= delivery.crashes == 0
            elif ordered and not delivery.held:
                break
        return ready

    def next_due(self, now: float) -> float:
        """When, after `now`, something may be started that may not yet; infinity where nothing waits for its time."""
        times = [delivery.due for delivery in self.delayed]
        if self.dead_letters.open:
            times.append(self.dead_letters.due)
        return min((time for time in times if time > now), default=float("inf"))

    def _first_of_keys(self) -> set[Delivery]:
        """Of each key the first record that is not done; all records that have none."""
        firsts: dict[Any, Delivery] = {}
        for delivery in self.deliveries:
            key = delivery.record.key
            firsts.setdefault(delivery if key is None else key, delivery)
        return set(firsts.values())

    def _candidates(self, now: float) -> Iterator[Delivery]:
        """Those that were held back come last: another may show whether the handler works again."""
        if not self.dead_letters.open:
            return iter(self.deliveries)
        others = [one for one in self.deliveries if not one.held]
        if not any(one.state == "waiting" and one.due <= now for one in others):
            return iter(self.deliveries)
        return iter(others)

    def worked(self) -> bool:
        """A handler has answered: what was held back is tried again. Returns whether the lane was paused."""
        was_paused = self.dead_letters.close()
        if was_paused:
            for delivery in self.deliveries:
                if delivery.held:
                    delivery.held, delivery.attempts = False, 0
        return was_paused


class DeadLetterBreaker:
    """Stops a handler that makes dead letters one after another, as after a bad deploy, from burying a whole topic.

    Past the limit a lane pauses; what fails then is held back. After each pause, which grows, it may try twice as many
    records as the last time. The first that works closes the breaker.
    """

    def __init__(self) -> None:
        self.limit = 0
        """Dead letters in a row that are published; 0 for all."""
        self.in_a_row = 0
        self.open = False
        self.due = 0.0
        """When records may be tried again (time.monotonic)."""
        self._pause = 0.0
        self._probes = 0

    def allowed(self, now: float) -> int:
        """How many records may be under way now."""
        if not self.open:
            return 2**31
        return self._probes if now >= self.due else 0

    def another(self, now: float) -> bool:
        """Count a dead letter; returns whether it is one too many."""
        if not self.open:
            self.in_a_row += 1
            if not self.limit or self.in_a_row <= self.limit:
                return False
            self.open, self._pause, self._probes = True, FAILING_PAUSE_SECONDS, 1
        elif now >= self.due:  # else it was under way before the pause began
            self._pause = min(LONGEST_FAILING_PAUSE_SECONDS, self._pause * 2)
            self._probes = min(MAX_PROBES, self._probes * 2)
        else:
            return True
        self.due = now + self._pause
        return True

    def close(self) -> bool:
        """A record was handled; returns whether the breaker was open."""
        was_open, self.open, self.in_a_row, self.due = self.open, False, 0, 0.0
        return was_open


def _value_bytes(outgoing: Any) -> int:
    return len(outgoing.value or b"")
