"""A pool of child processes for heavy work or untrusted data, with limits of memory and time.

By default it has one child per core, and no more than there is memory for.
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
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, BinaryIO, Protocol

from .child import COMMAND, RESULT, read_frame, run_template, write_frame
from .resources import child_count

ADDRESS_SPACE_MB = 700
CALL_TIMEOUT_SECONDS = 120.0


class ChildFailed(Exception):
    """The child returned no result."""


class ChildDied(ChildFailed):
    """The child exited during the call: the system killed it, or it crashed on its input."""

    def __init__(self, message: str, status: int | None = None):
        """`status`: its exit status as in subprocess, or None if it did not start."""
        super().__init__(message)
        self.killed = status in (None, -signal.SIGKILL)
        """Whether the system is to blame, not the input: it kills processes when memory runs out."""


class ChildTimedOut(ChildFailed, TimeoutError):
    """The call exceeded its timeout; the child was killed."""


class ChildProcess(Protocol):
    """A process that serves requests (child.py)."""

    pid: int
    requests: BinaryIO
    responses: BinaryIO

    def kill(self) -> None: ...

    def reap(self) -> int:
        """Wait for it to exit, and kill it after a second. Returns its exit status as subprocess does."""


class SpawnedProcess:
    """A child that runs in a new interpreter."""

    def __init__(self, target: str, megabytes: int, concurrency: int):
        """Start it and wait until `target` is imported. Raises ChildDied if it does not start."""
        command = [
            sys.executable,
            "-c",
            "from sandbox.child import main; main()",
            target,
            str(megabytes),
            str(concurrency),
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self.pid = self._process.pid
        self.requests: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self.responses: BinaryIO = self._process.stdout  # type: ignore[assignment]
        try:
            read_frame(self.responses)
        except EOFError:
            raise ChildDied(f"child process ended with status {self._process.wait()} at its start") from None

    def kill(self) -> None:
        self._process.kill()

    def reap(self) -> int:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(1)
        self.kill()
        return self._process.wait()


class ForkTemplate:
    """A fork of this process in its current state, which forks children that share its memory.

    Create it before the process has threads.
    """

    def __init__(self, function: Callable[[Any], Any], megabytes: int, concurrency: int):
        self._control, template_end = socket.socketpair()
        self._lock = threading.Lock()
        self._pid = os.fork()
        if not self._pid:
            try:
                self._control.close()
                run_template(template_end, function, megabytes, concurrency)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        template_end.close()

    def fork(self) -> "ForkedProcess":
        """Start a child. Raises OSError if the template has exited: then no child can start any more."""
        request_pipe, response_pipe = os.pipe(), os.pipe()
        try:
            pid = self._command(b"f", [request_pipe[0], response_pipe[1]])
        finally:
            os.close(request_pipe[0])
            os.close(response_pipe[1])
        return ForkedProcess(self, pid, os.fdopen(request_pipe[1], "wb"), os.fdopen(response_pipe[0], "rb"))

    def reap(self, pid: int) -> int:
        """Like ChildProcess.reap, for the child `pid`. Raises OSError if the template has exited."""
        return self._command(COMMAND.pack(b"r", pid), [])

    def close(self) -> None:
        """Stop the template; no child can start any more."""
        with self._lock, contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)  # templates created later hold copies of this socket
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _command(self, command: bytes, pipes: list[int]) -> int:
        with self._lock, contextlib.suppress(OSError):
            socket.send_fds(self._control, [command], pipes)
            if result := self._control.recv(RESULT.size):
                return int(RESULT.unpack(result)[0])
        raise OSError("the template process has exited")


class ForkedProcess:
    """A child that a template forked."""

    def __init__(self, template: ForkTemplate, pid: int, requests: BinaryIO, responses: BinaryIO):
        self._template = template
        self.pid = pid
        self.requests = requests
        self.responses = responses

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def reap(self) -> int:
        try:
            return self._template.reap(self.pid)
        except OSError:  # its parent, the template, is gone: nobody knows the status
            self.kill()
            return -signal.SIGKILL


class Child:
    """A running child process. Thread-safe.

    It uses plain pipes and threads, so it works under gevent's monkey patches too.
    """

    def __init__(self, process: ChildProcess):
        self.process = process
        self._pending: dict[int, Future[Any]] = {}
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._status: int | None = None
        self._exited = threading.Event()
        threading.Thread(target=self._read_responses, daemon=True, name="child").start()

    @property
    def alive(self) -> bool:
        return self._status is None

    def call(self, request: Any, seconds: float) -> Any:
        """Call the function in the child: `request` and result are JSON, `seconds` is the timeout.

        Raises ChildDied, ChildTimedOut.
        """
        result: Future[Any] = Future()
        with self._lock:
            if self._status is not None:
                raise self._died()
            number = next(self._numbers)
            self._pending[number] = result
            with contextlib.suppress(OSError, ValueError):  # it has exited: `_read_responses` fails the call
                write_frame(self.process.requests, [number, request])
        try:
            return result.result(seconds)
        except ChildFailed:
            raise
        except TimeoutError:
            self.kill()
            raise ChildTimedOut(f"no result within {seconds:.0f} s") from None
        finally:
            self._pending.pop(number, None)

    def kill(self) -> None:
        """Kill it and wait until it has exited. Pending calls raise ChildDied."""
        if self.alive:
            self.process.kill()
        self._exited.wait(10)

    def _read_responses(self) -> None:
        """Complete pending calls until the child exits, then fail the rest."""
        with contextlib.suppress(EOFError, OSError, ValueError):
            while True:
                number, response = read_frame(self.process.responses)
                if call := self._pending.get(number):
                    call.set_result(response)
        status = self.process.reap()
        with self._lock:
            self._status = status
            for call in self._pending.values():
                if not call.done():
                    call.set_exception(self._died())
        for stream in (self.process.requests, self.process.responses):
            with contextlib.suppress(OSError):
                stream.close()
        self._exited.set()

    def _died(self) -> ChildDied:
        return ChildDied(f"child process ended with status {self._status}", self._status)


class ChildPool:
    """A pool of children that run one function. They start on demand, and again after an exit. Thread-safe."""

    def __init__(
        self,
        function: str | Callable[[Any], Any],
        count: int | None = None,
        megabytes: int = ADDRESS_SPACE_MB,
        concurrency: int = 1,
    ):
        """`function` takes and returns JSON. A callable runs in forks of this process in its current state,
        which must have no threads yet; given as a name, `package.module:function`, it runs in new interpreters.

        `count`: the number of children, by default `child_count()`; `megabytes`: the limit of additional address space
        (MiB) of each; `concurrency`: how many calls a child runs at a time, in threads, so that one can use the core
        while another waits for the disk.
        """
        self._template = None if isinstance(function, str) else ForkTemplate(function, megabytes, concurrency)
        self._start_process: Callable[[], ChildProcess] = (
            self._template.fork if self._template else partial(SpawnedProcess, str(function), megabytes, concurrency)
        )
        self._concurrency = concurrency
        self._children: list[Child | None] = [None] * (count or child_count())
        self._active_calls = [0] * len(self._children)
        self._start_locks = [threading.Lock() for _ in self._children]
        self._call_done = threading.Condition()

    def start(self) -> None:
        """Start the first child now, so that the first call does not wait for it. Raises ChildDied."""
        self._child(0)

    def call(self, request: Any, seconds: float = CALL_TIMEOUT_SECONDS) -> Any:
        """Call the function in the least busy child; wait until one is free.

        `seconds` is the timeout, without that wait. Raises ChildDied, ChildTimedOut; OSError as ForkTemplate.fork does.
        """
        with self._call_done:
            self._call_done.wait_for(lambda: min(self._active_calls) < self._concurrency)
            number = self._active_calls.index(min(self._active_calls))
            self._active_calls[number] += 1
        try:
            return self._child(number).call(request, seconds)
        finally:
            with self._call_done:
                self._active_calls[number] -= 1
                self._call_done.notify()

    @property
    def alive(self) -> int:
        """How many children run."""
        return sum(child is not None and child.alive for child in self._children)

    def kill(self) -> None:
        """Kill all children; calls in progress raise ChildDied. Later calls start new children."""
        for child in self._children:
            if child:
                child.kill()

    def close(self) -> None:
        """Kill all children and the template; no process is left when this returns. Forked children cannot restart."""
        self.kill()
        if self._template:
            self._template.close()

    def _child(self, number: int) -> Child:
        with self._start_locks[number]:
            child = self._children[number]
            if child is None or not child.alive:
                child = self._children[number] = Child(self._start_process())
            return child
