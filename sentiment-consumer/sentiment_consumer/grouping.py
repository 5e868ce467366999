"""Which texts go through the model together: those of like length, so that little is padded."""

from collections.abc import Sequence

MOST_TOKENS = 2048
"""Of one group, padding included: what it bounds is memory."""
SLACK = 8
"""Tokens that the longest may have more than the shortest, whatever their length."""
STRETCH = 1.5
"""How many times as long as the shortest the longest may be."""


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Places in `lengths`, each in one group; the shortest come first."""
    found: list[list[int]] = []
    shortest = 0
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[place]
        alike = length <= max(shortest + SLACK, shortest * STRETCH)
        if found and alike and (len(found[-1]) + 1) * length <= MOST_TOKENS:
            found[-1].append(place)
        else:
            found.append([place])
            shortest = length
    return found
