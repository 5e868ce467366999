"""The CPU time of consumers that have nothing to do."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from .bench import Bench
from .runtimes import PARTITIONS, WORKER, all_runtimes, committed, handling, publish_uploads
from .scope import QUICK, say
from .table import Row, verdict

MEASURED_SECONDS = 2 if QUICK else 20
SETTLES_SECONDS = 1 if QUICK else 5
READY_WITHIN_SECONDS = 60
MOST_PERCENT = 0.5


def idle_rows(bench: Bench) -> Iterator[Row]:
    """All runtimes at once, after each has handled a record of every partition."""
    say("idle")
    runtimes = all_runtimes()
    publish_uploads(bench, "idle-image", PARTITIONS)
    with ExitStack() as stack:
        programs = {}
        for runtime in runtimes:
            group = runtime.group("idle")
            programs[group] = stack.enter_context(handling(bench, runtime, "nothing", "idle-image", group))
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while waited_for := [group for group in programs if committed(bench, group) < PARTITIONS]:
            time.sleep(0.1)
            if time.monotonic() > deadline:
                raise SystemExit(f"{', '.join(waited_for)}: not ready")
        time.sleep(SETTLES_SECONDS)
        began, before = time.monotonic(), [program.cpu_seconds() for program in programs.values()]
        time.sleep(MEASURED_SECONDS)
        took, after = time.monotonic() - began, [program.cpu_seconds() for program in programs.values()]
    loop, *others = (100 * (now - then) / took for then, now in zip(before, after, strict=True))
    for runtime, percent in zip(runtimes[1:], others, strict=True):
        target = f"< {MOST_PERCENT} % {verdict(percent < MOST_PERCENT)}" if runtime is WORKER else ""
        what = f"idle, part of one core: {runtime.name}"
        yield Row(what, f"{loop:.2f} %", f"{percent:.2f} %", f"{percent / loop:.2f}×", target)
