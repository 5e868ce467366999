"""Where the memory of pictures comes from, and that only one large picture is worked on at a time."""

import ctypes
import errno
import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KEPT = 96 * 1024 * 1024  # bytes: what turning a photo of 12 megapixels takes
_LARGEST_KEPT = 32 * 1024 * 1024  # bytes: what is larger would leave holes that nothing fits into
PATIENCE = 40.0
"""Seconds to wait for room: a third of what a call of a worker's child may take."""
IDLE = 10.0
"""Seconds without a picture, twice as many at most, after which a process keeps nothing of what it has freed."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's <malloc.h>


class NoRoom(OSError):
    """A picture could not have its room; nothing is wrong with it."""

    def __init__(self, why: str = "other pictures take all the room") -> None:
        super().__init__(errno.EAGAIN, why)


class _Mallinfo2(ctypes.Structure):  # of glibc's <malloc.h>, since 2.33
    _fields_ = (("before", ctypes.c_size_t * 8), ("fordblks", ctypes.c_size_t), ("keepcost", ctypes.c_size_t))


def keep_freed_memory() -> None:
    """Let this process keep up to 96 MB that it has freed, for the next picture, if that comes soon.

    glibc gives a picture's memory back to the system as soon as it is freed, and the next one is made page by page
    again: half the time of turning a JPEG. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        libc.mallopt(_ARENA_MAX, 1)  # else each thread would keep as much


def give_back(all_but: int = _KEPT) -> None:
    """Return to the system what is free beyond that, wherever it lies between what is not."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallinfo2.restype = _Mallinfo2
        if libc.mallinfo2().fordblks > all_but:
            libc.malloc_trim(0)


@contextmanager
def room(name: str, alone: bool, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the room for one picture for the block: `alone`, or beside others that are not.

    Among the processes of one user on one machine, or in one container, that use `name`. The locks are the kernel's
    (flock), so that they end with a process that dies. Who waits to be alone is overtaken by nobody, and who waits
    has given back what it kept. Raises NoRoom, after `patience` seconds or where a file of locks cannot be.
    """
    deadline = time.monotonic() + patience
    with _lock_file(f"{name}.gate") as gate, _lock_file(name) as lock:
        _take(gate, fcntl.LOCK_EX, deadline)
        _take(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH, deadline)
        fcntl.flock(gate, fcntl.LOCK_UN)
        try:
            yield
        finally:
            give_back()
            _idling.starts()


class _Idling:
    """Gives back all that is free when the process has been idle for a while, from a thread of its own."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._worked = threading.Event()

    def starts(self) -> None:
        """A picture is done."""
        self._worked.set()
        if not self._thread or not self._thread.is_alive():  # a fork has none of the threads that were there
            self._thread = threading.Thread(target=self._watch, daemon=True, name="idling")
            with suppress(RuntimeError):  # not even for a thread is there memory: after another picture, then
                self._thread.start()

    def _watch(self) -> None:
        while True:
            self._worked.wait()
            self._worked.clear()
            time.sleep(IDLE)
            if not self._worked.is_set():
                give_back(all_but=0)


_idling = _Idling()


@contextmanager
def _lock_file(name: str) -> Iterator[int]:
    path = Path(tempfile.gettempdir()) / f"pictures-{os.getuid()}-{name}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise NoRoom(str(error)) from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, how: int, deadline: float) -> None:
    waits = False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return
        if not waits:
            waits = True
            give_back(all_but=0)
        if time.monotonic() > deadline:
            raise NoRoom
        time.sleep(0.01)
