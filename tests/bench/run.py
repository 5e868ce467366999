"""`make bench`: the figures, measured here and now, as Markdown. Needs Linux. Switches: scope.py, broker.py.

A plain loop and this suite's programs get the same records from the same broker, in turns. Both are held to one core;
broker and measuring have the other.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from . import idle_rows, picture_rows, runtime_rows
from .bench import Bench
from .broker import running_broker
from .scope import ONLY, say, wanted
from .table import head


def main() -> None:
    if ONLY == "sentiment":  # has a table of its own
        return
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the broker is to stop then, too
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = stack.enter_context(running_broker({cores[-1]}))
        bench = stack.enter_context(Bench(folder, broker, cores))
        notes, rows = ["Medians of rounds in turns, ratios of the pairs; one core for each side."], []
        if wanted("pictures"):
            say("photos")
            photos = picture_rows.Photos(folder)
            notes.append(
                f"Photos: JPEG, quality 90, 4:2:0, {photos.described()}. Time from event to result: photos come at "
                f"{picture_rows.LOAD:.0%} of what the reference can do."
            )
            rows.append(picture_rows.picture_rows(bench, photos))
        if wanted("runtime"):
            notes.append(
                f"A record: {runtime_rows.RECORDS:,} events of `image` with their headers in six partitions, from the "
                "first that is handled until the last is committed and its answer acknowledged; the reference is a "
                "loop that flushes and commits once a poll."
            )
            rows.append(runtime_rows.runtime_rows(bench))
        if wanted("idle"):
            rows.append(idle_rows.idle_rows(bench))
        print("".join(head(broker.name, notes)), end="")
        for part in rows:
            for row in part:
                print(row, flush=True)
    took, load = time.monotonic() - began, os.getloadavg()[1]
    print(f"\nTook {took:.0f} s. Load average {load:.1f}: above 2, others disturbed it.")


if __name__ == "__main__":
    main()
