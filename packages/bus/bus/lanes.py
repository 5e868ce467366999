"""Bookkeeping of one partition: what was delivered, what is done, and so what may be committed. No I/O."""

import random
from dataclasses import dataclass, field
from typing import Any, Literal

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


@dataclass(eq=False)
class Delivery:
    """A record on its way through the worker.

    `cause` is what its answers name as the event that they answer, `event` what it says where that can be read;
    `crashes` counts the child processes that died of it; a `single` one is no longer handled in a batch.
    """

    record: Any
    lane: "Lane"
    cause: Any = None
    event: Any = None
    state: Literal["waiting", "running", "publishing", "done"] = "waiting"
    attempts: int = 0
    crashes: int = 0
    due: float = 0.0
    single: bool = False
    outgoing: list[Any] = field(default_factory=list)

    def put_off(self, now: float, at_least: float = 0.0) -> float:
        """Wait before the next try: twice as long each time, with jitter. Returns the pause in seconds."""
        growing: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, self.attempts - 1))
        pause = max(at_least, growing * random.uniform(0.8, 1.2))  # noqa: S311
        self.state, self.due = "waiting", now + pause
        return pause


class Lane:
    """The deliveries of one partition that are not done, in the order in which they came."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []
        self.position: int | None = None
        """Offset up to which all is done: what may be committed."""
        self.committed: int | None = None
        self.fetched: int | None = None
        """Offset after the last record that was taken in."""
        self.live = True

    def take(self, record: Any) -> Delivery | None:
        """Note a record from the log. Returns None for one that is here already.

        A lower offset alone does not say that: a log that lost its end has other records there.
        """
        behind = self.fetched is not None and record.offset < self.fetched
        if behind and any(delivery.record == record for delivery in self.deliveries):
            return None
        if self.position is None:
            self.position = self.committed = record.offset
        self.fetched = record.offset + 1
        delivery = Delivery(record, self)
        self.deliveries.append(delivery)
        return delivery

    def settle(self) -> bool:
        """Drop what is done; true when there is something to commit."""
        self.deliveries = [delivery for delivery in self.deliveries if delivery.state != "done"]
        if self.fetched is not None:
            self.position = min((delivery.record.offset for delivery in self.deliveries), default=self.fetched)
        return self.position != self.committed

    def ready(self, now: float, ordered: bool) -> list[Delivery]:
        """What may be started now. Where order counts, nothing passes a record that is under way or waits."""
        ready = []
        for delivery in self.deliveries:
            if delivery.state == "waiting" and delivery.due <= now:
                ready.append(delivery)
            elif ordered and delivery.state != "done":
                break
        return ready
