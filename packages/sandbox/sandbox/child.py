"""The code that runs in a child process; children.py starts it.

Requests and responses go through pipes as JSON, each prefixed with its length in four bytes. Not as pickles: a child
that untrusted data has taken over must not be able to run code in its parent.
"""

import gc
import json
import os
import pkgutil
import resource
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

LENGTH = struct.Struct(">I")


def write_frame(stream: BinaryIO, message: Any) -> None:
    """Write `message` (JSON) with its length, and flush."""
    body = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO) -> Any:
    """Read the next message. Raises EOFError if the other side has closed the pipe."""
    head = stream.read(LENGTH.size)
    body = stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
    if not body:
        raise EOFError
    return json.loads(body)


def serve(function: Callable[[Any], Any], requests: BinaryIO, responses: BinaryIO, concurrency: int) -> None:
    """Answer numbered requests with `function`, `concurrency` at a time, until the other side closes `requests`.

    An exception in `function` ends the process with status 1.
    """
    read_lock, write_lock = threading.Lock(), threading.Lock()

    def work() -> None:
        while True:
            try:
                with read_lock:
                    number, request = read_frame(requests)
            except EOFError:
                return
            response = function(request)
            with write_lock:
                write_frame(responses, [number, response])

    def exit_process(error: threading.ExceptHookArgs) -> None:
        sys.__excepthook__(error.exc_type, error.exc_value, error.exc_traceback)  # type: ignore[arg-type]
        os._exit(1)

    threading.excepthook = exit_process
    for _ in range(concurrency - 1):
        threading.Thread(target=work, daemon=True).start()
    work()


def confine(megabytes: int) -> None:
    """Limit this child to `megabytes` (MiB) of additional address space, without standard input.

    Its standard output becomes standard error.
    """
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the parent stops its children
    limit = address_space_bytes() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def address_space_bytes() -> int:
    """The size of this process's address space; 0 if the system does not report it (Linux does)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def main() -> None:
    """Entry point of a new interpreter: serve on standard input and output until the parent closes them.

    Arguments: `package.module:function`, the memory limit in MiB, and the number of concurrent requests.
    """
    target, megabytes, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    requests, responses = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    confine(megabytes)
    function = pkgutil.resolve_name(target)
    write_frame(responses, {"ready": os.getpid()})
    serve(function, requests, responses, concurrency)


# A template is an idle process that forks children, which share the memory of all that was imported before.

COMMAND = struct.Struct(">cI")
RESULT = struct.Struct(">i")


def run_template(control: socket.socket, function: Callable[[Any], Any], megabytes: int, concurrency: int) -> None:
    """Fork and reap children as commands on `control` say, until its other side closes.

    Each command is answered with a number. `f`, with a pair of pipes, forks a child and returns its process id. `r`,
    with a process id, waits for that child, kills it after a second, and returns its exit status.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # the collector must not touch these objects: that would copy their pages into each child
    while True:
        command, pipes, _flags, _address = socket.recv_fds(control, COMMAND.size, 2)
        if not command:
            return
        if command[:1] == b"r":
            control.send(RESULT.pack(reap(COMMAND.unpack(command)[1])))
            continue
        pid = os.fork()
        if not pid:
            control.close()
            requests, responses = os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb")
            confine(megabytes)
            serve(function, requests, responses, concurrency)
            return
        for pipe in pipes:
            os.close(pipe)
        control.send(RESULT.pack(pid))


def reap(pid: int) -> int:
    """Wait for a child to exit, and kill it after a second. Returns its exit status as subprocess does."""
    deadline = time.monotonic() + 1
    exited = status = 0
    while not exited:
        exited, status = os.waitpid(pid, os.WNOHANG)
        if not exited:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
    return os.waitstatus_to_exitcode(status)
