"""The figures are measured without a look at how good they are."""

import os
import subprocess
import sys

import pytest
from suite_fixtures import ROOT

pytestmark = pytest.mark.broker


def table(module: str) -> tuple[list[str], str]:
    """The rows that the module prints, and all that it prints."""
    env = os.environ | {"BENCH_QUICK": "1", "PYTHONPATH": str(ROOT / "tests")}
    answer = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    rows = [line for line in answer.stdout.splitlines() if line.startswith("| ") and "reference" not in line]
    return rows, answer.stdout


def test_the_pictures_fill_their_table() -> None:
    rows, printed = table("bench.run")
    for operation in ("rotate", "grayscale"):
        for size in ("2 MP", "12 MP"):
            told = [row for row in rows if row.startswith(f"| {operation}, {size}: ")]
            for part in ("photos a second", "p50", "p99", "most memory", "PSNR"):
                assert any(part in row for row in told), printed
    assert any("two children" in row for row in rows)
    assert sum("runtime" in row for row in rows) == 2
    for part in ("cores", "Pillow", "TurboJPEG"):
        assert part in printed


def test_the_sentiment_fills_its_table() -> None:
    rows, printed = table("bench.sentiment")
    for part in ("messages a second", "p50", "p99", "peak memory"):
        assert any(part in row for row in rows), printed
