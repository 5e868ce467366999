"""Finds the quickest of several ways to do the same, by measuring."""

import time
from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

FEW_TOKENS, MANY_TOKENS = 12, 128
"""A short message alone; a batch."""
SECONDS = 0.3
"""How long a race may take, beyond MIN_LAPS. Its last lap may end later."""
MIN_LAPS = 3
"""On a busy machine fewer would decide by chance."""
HOPELESS = 2
"""A way that takes this many times as long as the reference leaves the race."""
MARGIN = 1.1
"""A way that is not this many times as fast as the reference is not worth its rounding."""
MARGIN_OF_TWO = 1.5
"""A way for many tokens that is not this many times as fast as the one for few: they hold the weights twice."""

TICK_SECONDS = 1e-9
"""Of the clock: less than this nothing takes."""

Run = Callable[[int], None]
"""Does the work once, for a number of tokens. May raise."""


class Lead(NamedTuple):
    """A way, and how many times as fast as the reference it is."""

    way: str
    times: float


class Choice(NamedTuple):
    """The ways for few tokens and for many."""

    few: Lead
    many: Lead


class Race:
    """A race of ways, by their names. The first is the reference: never wrong, but not always quick."""

    def __init__(self, ways: Mapping[str, Run], clock: Callable[[], float] = time.perf_counter):
        self._ways = dict(ways)
        self._reference = next(iter(ways))
        self._clock = clock

    def winner(self, is_right: Callable[[Choice], bool]) -> Choice:
        """The quickest ways that are right; a way that raises is none.

        `is_right` tries a choice; the reference alone is not tried.
        """
        start = self._clock()
        for way in list(self._ways):
            self._seconds(way, tokens=1)  # the first time is longer
        with_few = self._laps(FEW_TOKENS, start + SECONDS / 4, list(self._ways))
        with_many = self._laps(MANY_TOKENS, start + SECONDS, [way for way in with_few if self._hopes(way, with_few)])
        few, many = self._leads(with_few), self._leads(with_many)
        while True:
            also = [lead for lead in many if lead.way == few[0].way and lead.times * MARGIN_OF_TWO >= many[0].times]
            choice = Choice(few[0], (also or many)[0])
            tried = {lead.way for lead in choice} - {self._reference}
            if not tried or is_right(choice):
                return choice
            few, many = ([lead for lead in leads if lead.way not in tried] for leads in (few, many))

    def _leads(self, seconds: Mapping[str, float]) -> list[Lead]:
        """The ways that are quicker than the reference, the quickest first, and the reference."""
        times = {way: seconds[self._reference] / max(seconds[way], TICK_SECONDS) for way in seconds}
        leads = [Lead(way, ratio) for way, ratio in times.items() if ratio >= MARGIN and way in self._ways]
        return [*sorted(leads, key=lambda lead: -lead.times), Lead(self._reference, 1.0)]

    def _laps(self, tokens: int, end: float, running: list[str]) -> dict[str, float]:
        """The least seconds of each way that is running, in laps until `end`."""
        best = dict.fromkeys(running, inf)
        laps = 0
        while laps < MIN_LAPS or (self._clock() < end and len(running) > 1):
            for way in running:
                best[way] = min(best[way], self._seconds(way, tokens))
            running = [way for way in running if self._hopes(way, best)]
            laps += 1
        return best

    def _hopes(self, way: str, seconds: Mapping[str, float]) -> bool:
        return way in self._ways and seconds[way] <= HOPELESS * seconds[self._reference]

    def _seconds(self, way: str, tokens: int) -> float:
        start = self._clock()
        try:
            self._ways[way](tokens)
        except Exception:
            if way == self._reference:
                raise
            del self._ways[way]
            return inf
        return self._clock() - start
