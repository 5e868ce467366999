"""The way of an event: what led to it and what it led to, by `ce_causationid` and `traceparent`."""

from collections import defaultdict
from collections.abc import Iterable
from heapq import heappop, heappush
from typing import NamedTuple

from .summary import Summary

MAX_STEPS = 100


class Step(NamedTuple):
    record: Summary
    parent: int | None
    """The step that it answers; None for the first, and where its cause is unknown."""
    after_ms: int
    took_ms: int | None
    """None without a parent, and where the clocks of the two disagree."""


class Way(NamedTuple):
    steps: list[Step]
    is_linked: bool
    """Whether the cause of every step that names one is among them."""


def way_of(target: Summary, held: Iterable[Summary]) -> Way:
    """The way of `target` through the records that are `held`: those of its trace, its causes and what it caused.

    At most MAX_STEPS of them, those nearest to `target` in time.
    """
    by_place = {one.place: one for one in held}
    by_place.setdefault(target.place, target)
    by_id: dict[str, Summary] = {}
    traced: dict[str, list[Summary]] = defaultdict(list)
    caused: dict[str, list[Summary]] = defaultdict(list)
    for one in by_place.values():
        if not one.is_dead_letter:  # it has the id of its original
            by_id.setdefault(one.id, one)
        if one.trace:
            traced[one.trace].append(one)
        if one.cause:
            caused[one.cause].append(one)

    def parent_of(one: Summary) -> Summary | None:
        found = (by_id.get(one.cause) or by_place.get(one.cause)) if one.cause else None
        return None if found is one else found

    found: dict[str, Summary] = {}
    left = [target]
    while left:
        one = left.pop()
        if one.place in found:
            continue
        found[one.place] = one
        ids = {one.place} if one.is_dead_letter else {one.place, one.id}
        left += [child for id in ids for child in caused.get(id, ())]
        left += traced.get(one.trace, ()) if one.trace else ()
        if parent := parent_of(one):
            left.append(parent)
    nearest = sorted(found.values(), key=lambda one: (one.place != target.place, abs(one.at - target.at)))[:MAX_STEPS]
    chosen = {one.place: one for one in nearest}
    parents = {
        place: parent.place if (parent := parent_of(one)) and parent.place in chosen else None
        for place, one in chosen.items()
    }
    order = _ordered(chosen, parents)
    begin = chosen[order[0]].at
    steps = []
    for place in order:
        one, above = chosen[place], parents[place]
        took = None if above is None else one.at - chosen[above].at
        steps.append(
            Step(
                one,
                None if above is None else order.index(above),
                one.at - begin,
                None if took is None or took < 0 else took,
            )
        )
    is_linked = all(one.cause is None or parents[place] is not None for place, one in chosen.items())
    return Way(steps, is_linked and len(chosen) == len(found))


def _ordered(chosen: dict[str, Summary], parents: dict[str, str | None]) -> list[str]:
    """The places in the order of time, each after the one that it answers, whatever their clocks say."""
    waiting = defaultdict(list)
    ready: list[tuple[int, str]] = []
    for place, parent in parents.items():
        if parent is None:
            heappush(ready, (chosen[place].at, place))
        else:
            waiting[parent].append(place)
    order = []
    while ready:
        _at, place = heappop(ready)
        order.append(place)
        for child in waiting.pop(place, ()):
            heappush(ready, (chosen[child].at, child))
    # What is left answers itself in a circle: forged, but shown.
    rest = [place for children in waiting.values() for place in children if place not in order]
    for place in rest:
        parents[place] = None
    return order + sorted(rest, key=lambda place: chosen[place].at)
