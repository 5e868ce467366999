"""What this machine's processor is, as the kernel tells it."""

from functools import cache
from pathlib import Path


@cache
def _lines() -> list[tuple[str, str]]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def model() -> str:
    return next((value for name, value in _lines() if name == "model name"), "?")


def features() -> set[str]:
    """What it has beyond the least, by the names in /proc/cpuinfo."""
    return {word for name, value in _lines() if name in ("flags", "Features") for word in value.split()}
