"""Lets a gunicorn worker stop the whole service: gunicorn replaces a worker that exits by itself."""

import mmap
import os
import signal

_requested_status = mmap.mmap(-1, 1)
"""The exit status that a worker asked for. The master creates this mapping before it forks, so workers share it."""


def exit_service(status: int) -> None:
    """Shut gunicorn's master and all its workers down gracefully, with exit status `status` (0 to 255).

    Only a worker may call it.
    """
    _requested_status[0] = status
    os.kill(os.getppid(), signal.SIGTERM)


def requested_exit_status() -> int:
    """The exit status that a worker asked for; 0 if none did."""
    return _requested_status[0]
