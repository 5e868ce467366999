"""One request at a time for each Idempotency-Key, in all processes that share the store."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pictures import Store
from pictures.store import INCOMING

RETRY_SECONDS = 0.05
"""How often a waiting request looks: a lock that is waited for by the kernel would stop this process."""


@contextmanager
def key_lock(store: Store, key: str) -> Iterator[None]:
    """Wait until no other request has the lock of `key`, and hold it. Raises OSError if the store fails."""
    path = store.root / INCOMING / f".{store.id_of(key)}.lock.tmp"  # swept with other temporary files after a crash
    lock = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        os.close(lock)


def _locked(path: Path) -> int:
    """The descriptor of the file at `path`, locked; not of one that its last holder has removed meanwhile."""
    while True:
        lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        with suppress(BlockingIOError, FileNotFoundError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)
        time.sleep(RETRY_SECONDS)
