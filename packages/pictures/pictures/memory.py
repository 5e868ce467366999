"""Where the memory of pictures comes from, and that only one large picture is worked on at a time."""

import ctypes
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KEPT = 96 * 1024 * 1024  # bytes: what turning a photo of 12 megapixels takes
_LARGEST_KEPT = 32 * 1024 * 1024  # bytes: what is larger would leave holes that nothing fits into
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's <malloc.h>


class _Mallinfo2(ctypes.Structure):  # of glibc's <malloc.h>, since 2.33
    _fields_ = (("before", ctypes.c_size_t * 8), ("fordblks", ctypes.c_size_t), ("keepcost", ctypes.c_size_t))


def keep_freed_memory() -> None:
    """Let this process keep up to 96 MB that it has freed, for the next picture.

    glibc gives a picture's memory back to the system as soon as it is freed, and the next one is made page by page
    again: half the time of turning a JPEG. Other C libraries are left as they are.
    """
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT)
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        libc.mallopt(_ARENA_MAX, 1)  # else each thread would keep as much


def give_back() -> None:
    """Return to the system what is free beyond that, wherever it lies between what is not."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallinfo2.restype = _Mallinfo2
        if libc.mallinfo2().fordblks > _KEPT:
            libc.malloc_trim(0)


@contextmanager
def room(name: str, alone: bool) -> Iterator[None]:
    """Hold the room for one picture for the block: `alone`, or beside others that are not.

    Among the processes of one user on one machine, or in one container, that use `name`. The lock is the kernel's
    (flock), so that it ends with a process that dies.
    """
    path = Path(tempfile.gettempdir()) / f"pictures-{os.getuid()}-{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        give_back()
        os.close(descriptor)
