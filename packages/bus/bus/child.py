"""A child process answers one request after another: children.py starts it.

Requests and answers are JSON behind a length of four bytes, through pipes. JSON, not pickle: what handled hostile bytes
must not be able to run code in its parent.
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
    body = json.dumps(message).encode()
    stream.write(LENGTH.pack(len(body)) + body)
    stream.flush()


def read_frame(stream: BinaryIO) -> Any:
    """The next message; EOFError where the other side has gone."""
    head = stream.read(LENGTH.size)
    body = stream.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""
    if not body:
        raise EOFError
    return json.loads(body)


def serve(function: Callable[[Any], Any], requests: BinaryIO, answers: BinaryIO, at_once: int) -> None:
    """Answer numbered requests until the other side has gone, `at_once` at a time. What `function` raises ends all."""
    reading, writing = threading.Lock(), threading.Lock()

    def work() -> None:
        while True:
            try:
                with reading:
                    number, request = read_frame(requests)
            except EOFError:
                return
            answer = function(request)
            with writing:
                write_frame(answers, [number, answer])

    def ends_all(error: threading.ExceptHookArgs) -> None:
        sys.__excepthook__(error.exc_type, error.exc_value, error.exc_traceback)  # type: ignore[arg-type]
        os._exit(1)

    threading.excepthook = ends_all
    for _ in range(at_once - 1):
        threading.Thread(target=work, daemon=True).start()
    work()


def confine(megabytes: int) -> None:
    """Let a child have so much more address space, and nothing to read; what it prints goes where errors go."""
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    limit = address_space() + megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def address_space() -> int:
    """Bytes that this process has mapped; 0 where the system does not tell (it does on Linux)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def main() -> None:
    """Serve on standard input and output, in an interpreter of its own, until the parent closes them.

    Arguments: `package.module:function`, megabytes that it may take, how many requests at once.
    """
    target, megabytes, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    confine(megabytes)
    function = pkgutil.resolve_name(target)
    write_frame(answers, {"ready": os.getpid()})
    serve(function, requests, answers, at_once)


# A template forks children, which share what was imported before, and is idle else.

REAP = struct.Struct(">cI")
NUMBER = struct.Struct(">i")


def be_template(control: socket.socket, function: Callable[[Any], Any], megabytes: int, at_once: int) -> None:
    """Fork a child for each pair of pipes that comes over `control`, until its other side has gone.

    Two orders, each answered with a number: `f` with the pipes of the child to fork gives its process id; `r` with
    a process id ends that child, if it does not within a second, and gives its status.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()  # what is here stays, so the collector need not touch it and make copies of its pages
    while True:
        order, pipes, _flags, _address = socket.recv_fds(control, REAP.size, 2)
        if not order:
            return
        if order[:1] == b"r":
            control.send(NUMBER.pack(reaped(REAP.unpack(order)[1])))
            continue
        child = os.fork()
        if not child:
            control.close()
            requests, answers = os.fdopen(pipes[0], "rb"), os.fdopen(pipes[1], "wb")
            confine(megabytes)
            serve(function, requests, answers, at_once)
            return
        for pipe in pipes:
            os.close(pipe)
        control.send(NUMBER.pack(child))


def reaped(child: int) -> int:
    """The status of a child that has ended, as subprocess tells it, or is ended when a second is over."""
    deadline = time.monotonic() + 1
    ended = status = 0
    while not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.01)
    return os.waitstatus_to_exitcode(status)
