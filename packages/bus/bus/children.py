"""Child processes for work that is heavy or handles hostile bytes: with limits of memory and time.

One a core, and no more than there is memory for.
"""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .child import NUMBER, REAP, be_template, read_frame, write_frame

MEGABYTES = 700
EACH = 350_000_000
"""Bytes of memory there must be for each child. They take less as a rule; what takes more waits until it is alone."""
SECONDS = 120.0


class ChildFailed(Exception):
    """The child did not answer."""


class ChildDied(ChildFailed):
    """The child ended in the middle of the work: killed by the system, or by what it read."""

    def __init__(self, message: str, status: int | None = None):
        """`status`: of its end, as subprocess tells it; None where it never came up."""
        super().__init__(message)
        self.killed = status in (None, -signal.SIGKILL)
        """Whether what it read is not to blame, but the system, which kills for want of memory."""


class ChildTimedOut(ChildFailed, TimeoutError):
    """The work took longer than it may; the child was killed."""


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory(root: Path = Path("/")) -> int:
    """Bytes of memory that this service may take: the limit of its container (cgroup, version 1 or 2).

    Without one a quarter of the machine's: others take theirs.
    """
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        machine = sys.maxsize
    limits = [int(limit) for limit in _limits(root) if limit.isdecimal()]  # else "max"
    return min([limit for limit in limits if limit < machine], default=machine // 4)


def _limits(root: Path) -> Iterator[str]:
    """The limits of memory of this process's cgroup, and of those around it that can be seen from here."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _number, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                mount = root / "sys/fs/cgroup" / controllers
                name = "memory.limit_in_bytes" if controllers else "memory.max"
                group = mount / path.lstrip("/")
                for folder in (group, *group.parents):
                    with contextlib.suppress(OSError):
                        yield (folder / name).read_text().strip()


def places(but: int = 0) -> int:
    """How many children there should be: one a core, if there is memory for them and for `but` others."""
    return max(1, min(cores(), memory() // EACH - but))


class Process(Protocol):
    """A process that serves requests (child.py)."""

    pid: int
    requests: BinaryIO
    answers: BinaryIO

    def kill(self) -> None: ...

    def reap(self) -> int:
        """Its status, when it has ended; it is ended if it does not by itself within a second."""


class Executed:
    """A new interpreter that imports what it needs."""

    def __init__(self, target: str, megabytes: int, at_once: int):
        """Returns when its imports are done. Raises ChildDied where it does not come up."""
        command = [sys.executable, "-c", "from bus.child import main; main()", target, str(megabytes), str(at_once)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self.pid = self._process.pid
        self.requests: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self.answers: BinaryIO = self._process.stdout  # type: ignore[assignment]
        try:
            read_frame(self.answers)
        except EOFError:
            raise ChildDied(f"child process ended with status {self._process.wait()} at its start") from None

    def kill(self) -> None:
        self._process.kill()

    def reap(self) -> int:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(1)
        self.kill()
        return self._process.wait()


class Template:
    """A fork of this process as it is now, from which children are forked: they share what is in memory.

    To be made before there are threads.
    """

    def __init__(self, function: Callable[[Any], Any], megabytes: int, at_once: int):
        self._control, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._pid = os.fork()
        if not self._pid:
            try:
                self._control.close()
                be_template(theirs, function, megabytes, at_once)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        theirs.close()

    def fork(self) -> "Forked":
        """Raises OSError where the template has gone: no child will come any more."""
        for_requests, for_answers = os.pipe(), os.pipe()
        try:
            pid = self._ask(b"f", [for_requests[0], for_answers[1]])
        finally:
            os.close(for_requests[0])
            os.close(for_answers[1])
        return Forked(self, pid, os.fdopen(for_requests[1], "wb"), os.fdopen(for_answers[0], "rb"))

    def reap(self, pid: int) -> int:
        return self._ask(REAP.pack(b"r", pid), [])

    def close(self) -> None:
        """End it. No child will come any more."""
        with self._lock, contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # templates that were made later have it open too
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _ask(self, order: bytes, pipes: list[int]) -> int:
        with self._lock, contextlib.suppress(OSError):
            socket.send_fds(self._control, [order], pipes)
            if answer := self._control.recv(NUMBER.size):
                return int(NUMBER.unpack(answer)[0])
        raise OSError("the template of the children has gone")


class Forked:
    """A child that a template has forked."""

    def __init__(self, template: Template, pid: int, requests: BinaryIO, answers: BinaryIO):
        self._template = template
        self.pid = pid
        self.requests = requests
        self.answers = answers

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def reap(self) -> int:
        try:
            return self._template.reap(self.pid)
        except OSError:  # nobody is left to know
            self.kill()
            return -signal.SIGKILL


class Child:
    """A running child process. Calls may come from several threads.

    Plain pipes and threads, so that it works under gevent's patches too.
    """

    def __init__(self, process: Process):
        self.process = process
        self._calls: dict[int, Future[Any]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._status: int | None = None
        self._ended = threading.Event()
        threading.Thread(target=self._hear, daemon=True, name="child").start()

    @property
    def alive(self) -> bool:
        return self._status is None

    def call(self, request: Any, seconds: float) -> Any:
        """What the function answers to `request` (both JSON). Raises ChildDied, ChildTimedOut."""
        answer: Future[Any] = Future()
        with self._lock:
            if self._status is not None:
                raise self._death()
            number = next(self._numbers)
            self._calls[number] = answer
            with contextlib.suppress(OSError, ValueError):  # it has ended: `_hear` will tell
                write_frame(self.process.requests, [number, request])
        try:
            return answer.result(seconds)
        except ChildFailed:
            raise
        except TimeoutError:
            self.kill()
            raise ChildTimedOut(f"no answer within {seconds:.0f} s") from None
        finally:
            self._calls.pop(number, None)

    def kill(self) -> None:
        """End it; returns when it has ended. Its calls get ChildDied."""
        if self.alive:
            self.process.kill()
        self._ended.wait(10)

    def _hear(self) -> None:
        """Hand out the answers until it ends."""
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                number, answer = read_frame(self.process.answers)
                if call := self._calls.get(number):
                    call.set_result(answer)
        status = self.process.reap()
        with self._lock:
            self._status = status
            for call in self._calls.values():
                if not call.done():
                    call.set_exception(self._death())
        for stream in (self.process.requests, self.process.answers):
            with contextlib.suppress(OSError):
                stream.close()
        self._ended.set()

    def _death(self) -> ChildDied:
        return ChildDied(f"child process ended with status {self._status}", self._status)


class Children:
    """A few children for one function, started when they are needed, and again after they died."""

    def __init__(
        self,
        function: str | Callable[[Any], Any],
        count: int | None = None,
        megabytes: int = MEGABYTES,
        at_once: int = 1,
    ):
        """`function`: from JSON to JSON; `count`: how many children, else as `places` tells; `megabytes`: address
        space that each may take.

        A function is called in forks of this process as it is now, which must have no threads yet; one that is
        named, `package.module:function`, in interpreters of their own.

        `at_once`: calls that a child works on at a time, in threads: one waits for the disk, another has the core.
        """
        self._template = None if isinstance(function, str) else Template(function, megabytes, at_once)
        self._make: Callable[[], Process] = (
            self._template.fork if self._template else partial(Executed, str(function), megabytes, at_once)
        )
        self._at_once = at_once
        self._all: list[Child | None] = [None] * (count or places())
        self._calls = [0] * len(self._all)
        self._starting = [threading.Lock() for _ in self._all]
        self._free = threading.Condition()

    def start(self) -> None:
        """Bring the first child up, so that the first call does not wait for it. Raises ChildDied."""
        self._child(0)

    def call(self, request: Any, seconds: float = SECONDS) -> Any:
        """What the function answers to `request`, from the child that has least to do; waits for a free one."""
        with self._free:
            self._free.wait_for(lambda: min(self._calls) < self._at_once)
            number = self._calls.index(min(self._calls))
            self._calls[number] += 1
        try:
            return self._child(number).call(request, seconds)
        finally:
            with self._free:
                self._calls[number] -= 1
                self._free.notify()

    def kill(self) -> None:
        """End all children at once; work under way is abandoned."""
        for child in self._all:
            if child:
                child.kill()

    def close(self) -> None:
        """End all of it: nothing of it is left when this returns, and no further call is possible."""
        self.kill()
        if self._template:
            self._template.close()

    def _child(self, number: int) -> Child:
        with self._starting[number]:
            child = self._all[number]
            if child is None or not child.alive:
                child = self._all[number] = Child(self._make())
            return child
