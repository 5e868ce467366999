"""A program under test: a process with cores of its own, and what it takes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

STOPS_WITHIN_SECONDS = 15


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Let what is started in the block have these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Program:
    """A Python program that runs until it is stopped."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        cores: set[int],
        interpreter: str | Path = sys.executable,
    ):
        with on_cores(cores):
            self.process = subprocess.Popen(
                [interpreter, *arguments], env=environment, stdout=subprocess.PIPE, text=True
            )

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def cpu_seconds(self) -> float:
        """CPU time of the process with all its threads, not of its children.

        It is what /proc/PID/stat tells in hundredths of a second, finer: clock_getcpuclockid(3), which Python has not.
        """
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def processes(self) -> list[int]:
        """The program and all that came of it."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # ended meanwhile
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for known in found:
            found += [pid for pid, parent in parents.items() if parent == known]
        return found

    def memory_mb(self) -> float:
        """What its processes take now; a page that several share counts once (PSS)."""
        total = 0
        for pid in self.processes():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total * 1024 / 1e6

    def widen(self, cores: set[int]) -> None:
        """Give it more cores than it had when it counted them."""
        for pid in self.processes():
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cores)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.communicate(timeout=STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
