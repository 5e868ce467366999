"""Runs heavy work, or work on untrusted data, in child processes with memory and time limits."""

from .children import ChildDied, ChildFailed, ChildPool, ChildTimedOut
from .resources import available_cores, child_count

__all__ = ["ChildDied", "ChildFailed", "ChildPool", "ChildTimedOut", "available_cores", "child_count"]
