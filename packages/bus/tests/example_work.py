"""What the children of the tests run: a request says which of these functions, and with what."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def echo(what: Any) -> Any:
    return what


def pid() -> int:
    return os.getpid()


def meet(mine: str, other: str) -> int:
    """Answers when the other is there too."""
    Path(mine).touch()
    while not Path(other).exists():
        time.sleep(0.01)
    return os.getpid()


def chatter() -> str:
    print("to the output")
    os.write(1, b"\0\0\0\4null")
    return "printed"


def ask() -> str:
    return input("anything?")


def leave() -> None:
    os._exit(3)


def kill() -> None:
    os.kill(os.getpid(), 9)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGTRAP)


def fail() -> None:
    raise ZeroDivisionError("bug")


def unspeakable() -> object:
    return object()


def grab(size: int) -> int | str:
    try:
        return len(bytearray(size))
    except MemoryError:
        return "MemoryError"


def hang() -> None:
    time.sleep(600)


def work(request: dict[str, Any]) -> Any:
    return globals()[request.pop("do")](**request)
