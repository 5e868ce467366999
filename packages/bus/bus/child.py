"""A child process runs one function on one request after another: children.py starts it.

Requests and answers are JSON behind a length of four bytes, on standard input and output. JSON, not pickle: what
handled hostile bytes must not be able to run code in its parent.
"""

import importlib
import json
import os
import resource
import runpy
import signal
import struct
import sys
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


def resolve(target: str) -> Any:
    """The function named `package.module:name.attribute`, or `/path/of/file.py:name`."""
    module, _, path = target.rpartition(":")
    name, *attributes = path.split(".")
    if module.endswith(".py"):
        found = runpy.run_path(module, run_name="__child__")[name]
    else:
        found = getattr(importlib.import_module(module), name)
    for attribute in attributes:
        found = getattr(found, attribute)
    return found


def main() -> None:
    """Serve until the parent closes the pipe. Arguments: what `resolve` takes, and megabytes of address space."""
    target, megabytes = sys.argv[1], int(sys.argv[2])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a handler prints must not run into the answers
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    limit = megabytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    function = resolve(target)
    write_frame(answers, {"ready": os.getpid()})
    while True:
        try:
            request = read_frame(requests)
        except EOFError:
            return
        write_frame(answers, function(request))
