"""Decides what runs next. Pure: lanes, what is under way and the time in, calls out."""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from kafka import TopicPartition

from .executor import Call
from .handler import Handler
from .lane import Delivery, Lane

BATCH_RECORDS = 64
"""Records that a handler of lists is given at most."""
RUN_RECORDS = 500
"""Records that are handed over to a handler in threads at most: it costs no thread switch for each."""
ALONE_AFTER_SECONDS = 5.0
"""How long a record that killed a child process waits until its handler is idle, before the others are held back."""


class Scheduler:
    """Chooses the records that one handler is called with."""

    def __init__(self, handler: Handler):
        self._handler = handler
        self._room = handler.slots if handler.sandboxed or handler.batch else RUN_RECORDS
        self._turn = 0
        self._calls = 0
        self.under_way: set[Delivery] = set()
        """What was handed over and has not come back."""

    def choose(self, lanes: Mapping[TopicPartition, Lane], now: float) -> list[Call]:
        """The next calls, as many as there is room for. What they hold is started, and under way.

        A record that killed a child process runs alone: when nothing else is ready, or after a while with the others
        held back. An event that is in the log twice waits for its other delivery: what that one remembers has to be
        known. So has the state of a partition that calls from before a rebalance still add to.
        """
        if self.full or any(one.crashes for one in self.under_way):
            return []
        ready = self._ready(self._open_lanes(lanes), now)
        if not ready:
            return []
        deadly = [one for one in ready if one.crashes]
        if deadly:
            ready = [one for one in ready if not one.crashes]
            if not ready or min(one.due for one in deadly) + ALONE_AFTER_SECONDS < now:
                return [] if self.under_way else self._started([deadly[:1]])
        if self._handler.batch:
            return self._started([self._batch(ready)])
        if not self._handler.ordered:
            ready = self._distinct(ready)
        return self._started([[one] for one in ready[: self._room - self._calls]])

    @property
    def full(self) -> bool:
        """Whether no further call is possible."""
        return self._calls >= self._room

    def back(self, call: Call) -> None:
        """A call has come back."""
        self._calls -= 1
        self.under_way.difference_update(call)

    def _open_lanes(self, lanes: Mapping[TopicPartition, Lane]) -> list[Lane]:
        """The lanes to choose from, each one the first in turn."""
        still_used = set()
        if self._handler.stateful:
            still_used = {one.partition for one in self.under_way if not one.lane.live}
        usable = [lane for partition, lane in lanes.items() if partition.partition not in still_used]
        self._turn += 1
        first = self._turn % len(usable) if usable else 0
        return usable[first:] + usable[:first]

    def _ready(self, lanes: list[Lane], now: float) -> list[Delivery]:
        limit = BATCH_RECORDS if self._handler.batch else self._room
        handler = self._handler
        found = [lane.ready(now, handler.ordered, limit, handler.ordered_by == "key") for lane in lanes]
        if self._handler.ordered:
            return list(chain.from_iterable(found))
        return list(_in_turns(found))

    def _batch(self, ready: list[Delivery]) -> Call:
        """As many as a batch may hold; one that is to be handled alone is a batch of its own."""
        first_single = next((number for number, one in enumerate(ready) if one.single), BATCH_RECORDS)
        return ready[: max(1, min(first_single, BATCH_RECORDS))]

    def _distinct(self, ready: list[Delivery]) -> list[Delivery]:
        """Without those whose event is under way, or here already; where keys count, without those whose key is: a
        replay comes in a lane of its own."""
        seen = set(chain.from_iterable(map(self._alike, self.under_way)))
        distinct = []
        for one in ready:
            marks = self._alike(one)
            if seen.isdisjoint(marks):
                seen.update(marks)
                distinct.append(one)
        return distinct

    def _alike(self, one: Delivery) -> list[Any]:
        """What no other record may have that is handled at the same time."""
        if self._handler.ordered_by != "key" or one.record.key is None:
            return [one.cause.id]
        return [one.cause.id, one.record.key]

    def _started(self, calls: list[Call]) -> list[Call]:
        for call in calls:
            for delivery in call:
                delivery.lane.halted = False
                delivery.start()
            self.under_way.update(call)
        self._calls += len(calls)
        return calls


def _in_turns(lists: list[list[Delivery]]) -> Iterable[Delivery]:
    """The first of each list, then the second of each, and so on."""
    for number in range(max(map(len, lists), default=0)):
        for one in lists:
            if number < len(one):
                yield one[number]
