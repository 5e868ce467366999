"""What a worker does to a picture of the store, once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Concatenate, Generic, ParamSpec

from .check import Limits, decoding, inspect
from .memory import WAIT_FOR_ROOM_SECONDS, NoRoom, keep_freed_memory, room
from .refusals import Refused
from .store import Store

_working = threading.Lock()

Details = ParamSpec("Details")


class Operation(Generic[Details]):
    """A change of pictures, from the uploads of a store to its results.

    `work` turns the bytes of a picture into the bytes of a picture. What else it wants to know of the upload is told
    at each call.
    """

    def __init__(
        self, name: str, work: Callable[Concatenate[bytes, Details], bytes], store: Store, limits: Limits
    ) -> None:
        self.name = name
        self.work = work
        self.store = store
        self.limits = limits
        keep_freed_memory()

    def __call__(self, new_file: str, *details: Details.args, **more: Details.kwargs) -> str:
        """Return the name of the result for the upload `new_file`, relative to the store's root.

        Works only where there is no result yet, or an older picture of that name was replaced. An event may come
        from anyone, so formats and limits are held here too. Raises Refused for what can never be done; OSError and
        its kin from the file system, unchanged, for what may pass; so NoRoom, where other pictures took too long.
        """
        result = self.store.result_name(self.name, new_file)
        if not self.store.is_newer(result, new_file):
            try:
                with _one_at_a_time():
                    data = self.store.read(new_file, self.limits.bytes + 1)
                    large = inspect(data, self.limits).is_large
                    with room(self.name, alone=large), decoding():
                        done = self.work(data, *details, **more)
                self.store.write(result, done)
            except MemoryError as error:
                raise Refused("out-of-memory") from error
        return result

    def failed(self, new_file: str, error: Exception, lang: str | None) -> str:
        """Write down why there is no result, and return it as a sentence in `lang`.

        What is no Refused is told without its details, which are for the log. A name that cannot be of the store is
        written nowhere. Raises OSError as the file system does.
        """
        if not isinstance(error, Refused):
            error = Refused("timed-out" if isinstance(error, TimeoutError) else "failed")
        reason = error.sentence(lang)
        with suppress(Refused):
            self.store.write_reason(self.name, new_file, reason, error.code)
        return reason


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Of the threads of a process one works on a picture, while others wait until the disk has their results."""
    if not _working.acquire(timeout=WAIT_FOR_ROOM_SECONDS):
        raise NoRoom
    try:
        yield
    finally:
        _working.release()
