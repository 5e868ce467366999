"""What a record costs, in the plain loop and in runtimes, from the first that is handled to the last commit."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from threading import Timer

from .bench import Bench
from .runtimes import WORKER, Runtime, all_runtimes, answered, committed, handling, publish_uploads
from .scope import QUICK, say
from .table import Row, at_most

ROUNDS, RECORDS = (1, 600) if QUICK else (3, 20_004)
LOOKS_EVERY_SECONDS = 0.02
"""How long it may go unnoticed that all is committed."""
PATIENCE_SECONDS = 180
KINDS = {"nothing": "does nothing", "answering": "answers"}
MOST_MS = {"nothing": 0.1, "answering": 0.25}
MOST_TIMES = {"answering": 1.4}


@dataclass(frozen=True)
class Cost:
    """Of one record, in milliseconds."""

    wall_ms: float
    cpu_ms: float


def runtime_rows(bench: Bench) -> Iterator[Row]:
    runtimes = all_runtimes()
    publish_uploads(bench, "runtime-image", RECORDS)
    for kind in KINDS:
        costs: list[list[Cost]] = []
        for turn in range(ROUNDS):
            say(f"runtime, {kind}, round {turn + 1} of {ROUNDS}")
            costs.append([cost(bench, runtime, kind, turn) for runtime in runtimes])
        loop, *others = zip(*costs, strict=True)
        for runtime, column in zip(runtimes[1:], others, strict=True):
            yield from _compared(kind, runtime, loop, column)


def _compared(kind: str, runtime: Runtime, loop: tuple[Cost, ...], measured: tuple[Cost, ...]) -> Iterator[Row]:
    what = f"a record to a handler that {KINDS[kind]}: {runtime.name}"
    for name, part in (("time", "wall_ms"), ("CPU", "cpu_ms")):
        theirs, ours = ([getattr(one, part) for one in costs] for costs in (loop, measured))
        ratio = median(our / their for their, our in zip(theirs, ours, strict=True))
        targets = []
        if runtime is WORKER and part == "wall_ms":
            targets.append(at_most(MOST_MS[kind], median(ours), " ms"))
            if kind in MOST_TIMES:
                targets.append(at_most(MOST_TIMES[kind], ratio))
        shown = [f"{median(column):.3f} ms" for column in (theirs, ours)]
        yield Row(f"{name} of {what}", *shown, f"{ratio:.2f}×", ", ".join(targets))


def cost(bench: Bench, runtime: Runtime, kind: str, turn: int) -> Cost:
    """What each record costs until the last offset is committed and the last answer acknowledged, seen from outside."""
    group = runtime.group(f"{kind}-{turn}")
    with handling(bench, runtime, kind, "runtime-image", group) as program:
        assert program.process.stdout
        too_late = Timer(PATIENCE_SECONDS, program.process.kill)
        too_late.daemon = True
        too_late.start()
        first = next((line for line in program.process.stdout if line.startswith("first ")), None)
        if first is None:
            raise SystemExit(f"{group}: no record was handled")
        began, cpu_before = map(float, first.split()[1:])
        while (done := committed(bench, group)) < RECORDS:
            time.sleep(LOOKS_EVERY_SECONDS)
            if program.ended:
                raise SystemExit(f"{group}: {done} of {RECORDS} records were handled")
        took = time.monotonic() - began
        cpu = program.cpu_seconds() - cpu_before
        too_late.cancel()
    if kind == "answering" and (answers := answered(bench, group)) < RECORDS:
        raise SystemExit(f"{group}: all is committed with {answers} of {RECORDS} records answered")
    return Cost(1000 * took / RECORDS, 1000 * cpu / RECORDS)
