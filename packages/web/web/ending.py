"""The end of a whole service: gunicorn would start another worker for one that ends."""

import mmap
import os
import signal

_wished = mmap.mmap(-1, 1)
"""The exit status that a worker wishes for. Made in the master, so that its workers share it."""


def end_service(status: int) -> None:
    """End gunicorn's master, and with it all workers, in order and with that exit status. For a worker to call."""
    _wished[0] = status
    os.kill(os.getppid(), signal.SIGTERM)


def wished_status() -> int:
    """The exit status that a worker has wished for; 0 where none has."""
    return _wished[0]
