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
from functools import cache
from pathlib import Path

# A photo of 12 megapixels and the same photo turned, both decoded (48 MiB each), and some files of photos.
_KEPT_BYTES = 128 * 1024 * 1024
_LARGEST_KEPT_BYTES = 32 * 1024 * 1024  # what is larger would leave holes that nothing fits into
WAIT_FOR_ROOM_SECONDS = 40.0
"""A third of what a call of a worker's child may take."""
IDLE_SECONDS = 10.0
"""Without a picture for so long, twice as long at most, a process keeps nothing of what it has freed."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's <malloc.h>
_NEVER = 2**31 - 1  # bytes: the largest threshold that fits into an int


class NoRoom(OSError):
    """A picture could not have its room; nothing is wrong with it."""

    def __init__(self, why: str = "other pictures take all the room") -> None:
        super().__init__(errno.EAGAIN, why)


class _Mallinfo2(ctypes.Structure):  # of glibc's <malloc.h>, since 2.33
    _fields_ = (("before", ctypes.c_size_t * 8), ("fordblks", ctypes.c_size_t), ("keepcost", ctypes.c_size_t))


@cache
def _glibc() -> ctypes.CDLL:
    """Raises AttributeError where there is no glibc, or one too old to tell how much is free."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Mallinfo2
    return libc


def keep_freed_memory() -> None:
    """Let this process keep up to 134 MB that it has freed, for the next picture, if that comes soon.

    glibc gives a picture's memory back to the system as soon as it is freed, and the next one is made page by page
    again: up to half the time of turning a JPEG. It would give back all as soon as there is more than a threshold;
    `give_back` leaves some. Other C libraries, and glibc before 2.33, are left as they are.
    """
    with suppress(OSError, AttributeError):
        libc = _glibc()
        libc.mallopt(_TRIM_THRESHOLD, _NEVER)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        libc.mallopt(_ARENA_MAX, 1)  # else each thread would keep as much


def give_back(all_but: int = _KEPT_BYTES) -> None:
    """Return free memory to the system where it is more than `all_but` bytes; about three quarters of that stay.

    What is returned from between memory in use still counts as free. With nothing to spare, every later picture,
    however small, would give back too.
    """
    with suppress(OSError, AttributeError):
        libc = _glibc()
        if libc.mallinfo2().fordblks > all_but:
            libc.malloc_trim(all_but * 3 // 4)


@contextmanager
def room(name: str, alone: bool, patience: float = WAIT_FOR_ROOM_SECONDS) -> Iterator[None]:
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
            time.sleep(IDLE_SECONDS)
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
