"""How much is measured: BENCH_QUICK=1 only tries everything out, BENCH_ONLY=runtime measures that part alone."""

import os
import sys
import time

PARTS = ("pictures", "runtime", "idle", "sentiment")
QUICK = bool(os.environ.get("BENCH_QUICK"))
ONLY = os.environ.get("BENCH_ONLY") or ""

if ONLY not in ("", *PARTS):
    raise SystemExit(f"BENCH_ONLY: one of {', '.join(PARTS)}, not {ONLY}")


def wanted(part: str) -> bool:
    return ONLY in ("", part)


def say(what: str) -> None:
    """Tell whoever waits what is measured now; standard output has the table alone."""
    print(f"{time.strftime('%X')} {what} …", file=sys.stderr, flush=True)
