"""The table that a run prints, in Markdown, and what it says of the machine above it."""

import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from statistics import quantiles

import kafka
import PIL
from pictures import lossless

from . import processor

FEATURES = {"AVX2": {"avx2"}, "AVX-512": {"avx512f"}, "VNNI": {"avx512_vnni", "avx_vnni"}}
"""Of processors, and the flags in /proc/cpuinfo that tell of them."""


@dataclass
class Row:
    """A line of the table."""

    what: str
    first: str
    second: str
    ratio: str
    target: str = ""

    def __str__(self) -> str:
        return f"| {self.what} | {self.first} | {self.second} | {self.ratio} | {self.target} |"


def percentiles(values: Iterable[float]) -> list[float]:
    return quantiles(values, n=100, method="inclusive")


def verdict(good: bool) -> str:
    return "✓" if good else "✗"


def at_least(target: float, value: float, unit: str = "×") -> str:
    return f"≥ {target}{unit} {verdict(value >= target)}"


def at_most(target: float, value: float, unit: str = "×") -> str:
    return f"≤ {target}{unit} {verdict(value <= target)}"


def head(broker: str, notes: Iterable[str]) -> Iterator[str]:
    """What stands above the rows; `notes` say how they were measured."""
    known = processor.features()
    features = ", ".join(name if known & names else f"no {name}" for name, names in FEATURES.items())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    yield f"{date.today()}, {os.cpu_count()} cores ({processor.model()}; {features}), {memory:.0f} GB. "
    yield f"Broker: {broker}. "
    yield f"Python {platform.python_version()}, Pillow {PIL.__version__}, kafka-python {kafka.__version__}, "
    yield f"TurboJPEG {'found' if lossless.available() else 'not found: the workers do without'}.\n\n"
    yield from (f"{note}\n\n" for note in notes)
    yield "| | reference | measured | ratio | target |\n|---|---|---|---|---|\n"
