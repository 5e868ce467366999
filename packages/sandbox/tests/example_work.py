"""The functions that the tests run in children; a request names the function and its arguments."""

import os
import signal
import time
from pathlib import Path
from typing import Any


def echo(value: Any) -> Any:
    return value


def pid() -> int:
    return os.getpid()


def meet(mine: str, other: str) -> int:
    """Returns as soon as the other call runs too."""
    Path(mine).touch()
    while not Path(other).exists():
        time.sleep(0.01)
    return os.getpid()


def print_output() -> str:
    print("to the output")
    os.write(1, b"\0\0\0\4null")
    return "printed"


def read_input() -> str:
    return input("anything?")


def exit_process() -> None:
    os._exit(3)


def kill_itself() -> None:
    os.kill(os.getpid(), 9)


def crash() -> None:
    os.kill(os.getpid(), signal.SIGTRAP)


def raise_error() -> None:
    raise ZeroDivisionError("bug")


def not_json() -> object:
    return object()


def allocate(size: int) -> int | str:
    try:
        return len(bytearray(size))
    except MemoryError:
        return "MemoryError"


def hang() -> None:
    time.sleep(600)


def work(request: dict[str, Any]) -> Any:
    return globals()[request.pop("function")](**request)
