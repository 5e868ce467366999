"""The number of child processes: one per core, and no more than there is memory for."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

MEMORY_PER_CHILD_BYTES = 350_000_000
"""The memory budget of a child. Most calls need less; one that needs more has to run alone."""


def available_cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_limit_bytes(root: Path = Path("/")) -> int:
    """The memory limit of this container (cgroup version 1 or 2).

    Without a limit it is a quarter of the machine's memory, as other services need theirs.
    """
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        machine = sys.maxsize
    limits = [int(limit) for limit in _cgroup_limits(root) if limit.isdecimal()]  # else "max"
    return min([limit for limit in limits if limit < machine], default=machine // 4)


def _cgroup_limits(root: Path) -> Iterator[str]:
    """The memory limits of this process's cgroup and of its visible ancestors."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _number, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                mount = root / "sys/fs/cgroup" / controllers
                name = "memory.limit_in_bytes" if controllers else "memory.max"
                group = mount / path.lstrip("/")
                for folder in (group, *group.parents):
                    with contextlib.suppress(OSError):
                        yield (folder / name).read_text().strip()


def child_count(reserved: int = 0) -> int:
    """The number of children: one per core, if there is memory for them and for `reserved` others; at least 1."""
    return max(1, min(available_cores(), memory_limit_bytes() // MEMORY_PER_CHILD_BYTES - reserved))
