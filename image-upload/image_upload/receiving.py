"""Multipart requests whose files go straight to where they will be stored, each no longer than it may be."""

from contextlib import ExitStack
from typing import IO, Any

from flask import Request, current_app
from pictures import Store


class UploadRequest(Request):
    """A request that keeps its files in the store's own file system until it is answered."""

    def _get_file_stream(self, *_args: Any, **_kwargs: Any) -> IO[bytes]:
        store: Store = current_app.config["STORE"]
        return Capped(self._stack.enter_context(store.incoming()), current_app.config["MAX_FILE_BYTES"])  # type: ignore[return-value]

    @property
    def _stack(self) -> ExitStack:
        return self.environ.setdefault("suite.incoming", ExitStack())  # type: ignore[no-any-return]

    def forget_files(self) -> None:
        """Remove the files that were not accepted."""
        self._stack.close()


class Capped:
    """A file that takes no more than `limit` bytes and one; the rest is read from the wire and dropped.

    So the answer can be sent when the client is done sending, and is seen; the one byte too many tells the check.
    """

    def __init__(self, file: IO[bytes], limit: int):
        self._file = file
        self._room = limit + 1

    def write(self, data: bytes) -> int:
        kept = data[: self._room]
        self._room -= len(kept)
        self._file.write(kept)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
