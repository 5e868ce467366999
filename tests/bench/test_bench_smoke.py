"""The figures are measured without a look at how good they are."""

import os
import subprocess
import sys

import pytest
from suite_fixtures import ROOT

pytestmark = pytest.mark.broker


def table(module: str) -> tuple[list[str], str]:
    """The rows that the module prints, and all that it prints."""
    env = os.environ | {"BENCH_QUICK": "1", "BENCH_BROKER": "embedded", "PYTHONPATH": str(ROOT / "tests")}
    answer = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    rows = [line for line in answer.stdout.splitlines() if line.startswith("| ") and "reference" not in line]
    return rows, answer.stdout


def test_pictures_and_runtime_fill_their_table() -> None:
    rows, printed = table("bench.run")
    for operation in ("rotate", "grayscale"):
        for size in ("2 MP", "12 MP"):
            told = [row for row in rows if row.startswith(f"| {operation}, {size}: ")]
            for part in ("photos a second", "parent process", "p50", "p99", "most memory", "PSNR"):
                assert any(part in row for row in told), printed
    assert any("two children" in row for row in rows)
    for part in ("time of a record", "CPU of a record"):
        for handler in ("does nothing", "answers"):
            assert any(part in row and handler in row for row in rows), printed
    assert any("idle" in row for row in rows)
    for part in ("cores", "AVX2", "AVX-512", "VNNI", "Broker: Tansu", "Pillow", "TurboJPEG"):
        assert part in printed


def test_the_sentiment_fills_its_table() -> None:
    rows, printed = table("bench.sentiment")
    for part in ("messages a second", "p50", "p99", "peak memory"):
        assert any(part in row for row in rows), printed
    assert printed.startswith("This processor has ")
