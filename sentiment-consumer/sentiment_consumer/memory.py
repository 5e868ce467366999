"""Gives memory back: glibc keeps what is freed, which after a batch of long texts is hundreds of megabytes."""

import ctypes
from contextlib import suppress

LARGE_BYTES = 4 * 1024 * 1024
"""A block of this size has pages of its own, which go back when it is freed. Smaller ones are sooner used again."""
_M_MMAP_THRESHOLD = -3


def give_large_blocks_back() -> None:
    """Hold glibc to LARGE_BYTES, which it otherwise raises by itself. Does nothing with another C library."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
