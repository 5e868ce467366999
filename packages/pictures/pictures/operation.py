"""What a worker does to a picture of the store, once."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property

from .check import Limits, decoding, inspect
from .refusals import Refused
from .store import Store

OPERATIONS = ("rotate", "grayscale")


class Operation:
    """A change of pictures, from the uploads of a store to its results.

    `work` turns the bytes of a picture into the bytes of a picture. `store` is by default the one of
    `STORE_URL` (`file:///data`), looked up when it is first needed.
    """

    def __init__(self, name: str, work: Callable[[bytes], bytes], store: Store | None = None) -> None:
        self.name = name
        self.work = work
        self._store = store

    @cached_property
    def store(self) -> Store:
        return self._store or Store(os.environ.get("STORE_URL") or "file:///data")

    def __call__(self, new_file: str) -> str:
        """Return the name of the result for the upload `new_file`, relative to the store's root.

        Works only where there is no result yet, or an older picture of that name was replaced. An event may come from anyone, so formats and limits (`MAX_UPLOAD_MB`,
        `MAX_MEGAPIXELS`) are held here too. Raises Refused for what can never be done; OSError and its
        kin from the file system, unchanged, for what may pass.
        """
        result = self.store.result_name(self.name, new_file)
        if not self.store.is_newer(result, new_file):
            limits = _limits()
            try:
                data = self.store.read(new_file, limits.bytes + 1)
                inspect(data, limits)
                with decoding():
                    done = self.work(data)
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


def _limits() -> Limits:
    return Limits(
        megabytes=float(os.environ.get("MAX_UPLOAD_MB") or Limits.megabytes),
        megapixels=float(os.environ.get("MAX_MEGAPIXELS") or Limits.megapixels),
    )
