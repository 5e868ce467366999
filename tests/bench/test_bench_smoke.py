"""The figures are measured without a look at how good they are."""

import os
import subprocess
import sys

import pytest
from suite_fixtures import ROOT

pytestmark = pytest.mark.broker


def test_the_harness_fills_its_table() -> None:
    env = os.environ | {"BENCH_QUICK": "1", "PYTHONPATH": str(ROOT / "tests")}
    answer = subprocess.run(
        [sys.executable, "-m", "bench.run"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    rows = [line for line in answer.stdout.splitlines() if line.startswith("| ") and "reference" not in line]
    for operation in ("rotate", "grayscale"):
        for size in ("2 MP", "12 MP"):
            told = [row for row in rows if row.startswith(f"| {operation}, {size}: ")]
            for part in ("photos a second", "p50", "p99", "most memory", "PSNR"):
                assert any(part in row for row in told), answer.stdout
    assert any("two children" in row for row in rows)
    assert sum("runtime" in row for row in rows) == 2
    for part in ("cores", "Pillow", "TurboJPEG"):
        assert part in answer.stdout
