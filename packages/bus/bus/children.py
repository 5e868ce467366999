"""Child processes for work that is heavy or handles hostile bytes: with limits of memory and time, one a core."""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from typing import Any

from .child import read_frame, write_frame

MEGABYTES = 900
SECONDS = 120.0


class ChildFailed(Exception):
    """The child did not answer."""


class ChildDied(ChildFailed):
    """The child ended in the middle of the work: killed by the system, or by what it read."""


class ChildTimedOut(ChildFailed, TimeoutError):
    """The work took longer than it may; the child was killed."""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Child:
    """One child process, started at the first call and again after it died. Not for two threads at once.

    Plain pipes and threads, so that it works under gevent's patches too.
    """

    def __init__(self, target: str, megabytes: int):
        self._command = [sys.executable, "-c", "from bus.child import main; main()", target, str(megabytes)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        """The running process, its imports done. Raises ChildDied where it does not come up."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            assert self._process.stdout
            try:
                read_frame(self._process.stdout)  # type: ignore[arg-type]
            except EOFError:
                raise ChildDied(f"child process ended with status {self._process.wait()} at its start") from None
        return self._process

    def call(self, request: Any, seconds: float = SECONDS) -> Any:
        """What the function answers to `request` (both JSON). Raises ChildDied, ChildTimedOut."""
        process = self.start()
        assert process.stdin
        assert process.stdout
        too_late = threading.Event()

        def kill() -> None:
            too_late.set()
            process.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            write_frame(process.stdin, request)  # type: ignore[arg-type]
            return read_frame(process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError):
            self.kill()
            if too_late.is_set():
                raise ChildTimedOut(f"no answer within {seconds:.0f} s") from None
            raise ChildDied(f"child process ended with status {process.returncode}") from None
        finally:
            timer.cancel()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                assert stream
                with contextlib.suppress(OSError):
                    stream.close()


class Children:
    """A few children for one function. `call` waits for a free one; the second starts when the first is busy."""

    def __init__(self, target: str, count: int | None = None, megabytes: int = MEGABYTES):
        """`target`: `package.module:function`, from JSON to JSON; `megabytes`: address space of each child."""
        self.count = count or cores()
        self._all = [Child(target, megabytes) for _ in range(self.count)]
        self._free: queue.LifoQueue[Child] = queue.LifoQueue()
        for child in self._all:
            self._free.put(child)

    def start(self) -> None:
        """Bring the first child up, so that the first call does not wait for it."""
        child = self._free.get()
        try:
            child.start()
        finally:
            self._free.put(child)

    def call(self, request: Any, seconds: float = SECONDS) -> Any:
        child = self._free.get()
        try:
            return child.call(request, seconds)
        finally:
            self._free.put(child)

    def kill(self) -> None:
        """End all children at once; work under way is abandoned."""
        for child in self._all:
            child.kill()
