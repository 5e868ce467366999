"""Runs nginx and gunicorn in one container: python supervisor.py. When one ends, the other is stopped.

SIGTERM stops both, with status 0.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType

COMMANDS = (
    (
        "gunicorn",
        "--bind=127.0.0.1:5000",
        "--worker-tmp-dir=/tmp",
        "--no-control-socket",
        "classificador_produtos.api:create_app()",
    ),
    ("nginx", "-g", "daemon off;"),
)
STOP_SECONDS = 8


def run(commands: Sequence[Sequence[str]]) -> int:
    """Run all commands until one ends, or until SIGTERM or SIGINT; return the status to exit with.

    A process that ends of itself is a fault, whatever it says: 1, or its own status.
    """
    told = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        for process in running.values():
            process.terminate()

    names: dict[int, str] = {}
    running: dict[int, subprocess.Popen[bytes]] = {}
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # none is lost between two starts
    for command in commands:
        process = subprocess.Popen(command, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, signals))  # noqa: PLW1509, S603
        running[process.pid] = process
        names[process.pid] = command[0]
    for number in signals:
        signal.signal(number, stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)

    status = _first_end(running, names)
    for process in running.values():
        process.terminate()
    for process in running.values():
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
    return 0 if told else status or 1


def _first_end(running: dict[int, subprocess.Popen[bytes]], names: dict[int, str]) -> int:
    """Wait for one of the processes and return its status; orphans, which PID 1 inherits, are buried on the way."""
    while True:
        pid, wait_status = os.wait()
        if pid in running:
            del running[pid]
            status = os.waitstatus_to_exitcode(wait_status)
            print(f"{names[pid]} ended with status {status}", file=sys.stderr, flush=True)
            return abs(status)


if __name__ == "__main__":
    sys.exit(run(COMMANDS))
