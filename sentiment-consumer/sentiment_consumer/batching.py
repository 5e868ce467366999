"""Batches texts of similar length, to minimise padding."""

from collections.abc import Sequence

MAX_BATCH_TOKENS = 1024
"""Including padding; it limits memory."""
MAX_EXTRA_TOKENS = 8
"""The longest text of a batch may always exceed the shortest by this much."""
MAX_LENGTH_RATIO = 1.5
"""The longest text of a batch may always be this many times as long as the shortest."""


def batches(lengths: Sequence[int]) -> list[list[int]]:
    """Distribute the indices of `lengths` over batches, the shortest texts first."""
    found: list[list[int]] = []
    shortest = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[index]
        is_similar = length <= max(shortest + MAX_EXTRA_TOKENS, shortest * MAX_LENGTH_RATIO)
        if found and is_similar and (len(found[-1]) + 1) * length <= MAX_BATCH_TOKENS:
            found[-1].append(index)
        else:
            found.append([index])
            shortest = length
    return found
