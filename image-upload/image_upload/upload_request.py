"""Multipart requests that stream their files straight into the store's file system, and cap the size of each."""

from contextlib import ExitStack
from typing import IO, Any

import structlog
from flask import Request, current_app
from pictures import Store

from . import part_headers  # noqa: F401 - it teaches Werkzeug to read them

log = structlog.get_logger(__name__)


class UploadRequest(Request):
    """A request whose uploaded files are temporary files in the store's file system."""

    def _get_file_stream(self, *_args: Any, **_kwargs: Any) -> IO[bytes]:
        store: Store = current_app.config["STORE"]
        return CappedFile(self._stack.enter_context(store.incoming()), current_app.config["MAX_FILE_BYTES"])  # type: ignore[return-value]

    @property
    def _stack(self) -> ExitStack:
        return self.environ.setdefault("suite.incoming", ExitStack())  # type: ignore[no-any-return]

    def discard_files(self) -> None:
        """Remove the temporary files that were not moved into the store."""
        try:
            self._stack.close()
        except OSError as error:  # what a file still held back for the disk, too, finds no space
            log.warning("upload discarded with an error", error=str(error))


class CappedFile:
    """A file that keeps at most `limit` + 1 bytes and drops the rest.

    The body is still read to its end, because a client sees the response only after it has sent everything. The extra
    byte shows the check that the file is too large.
    """

    def __init__(self, file: IO[bytes], limit: int):
        self._file = file
        self._remaining_bytes = limit + 1

    def write(self, data: bytes) -> int:
        kept = data[: self._remaining_bytes]
        self._remaining_bytes -= len(kept)
        self._file.write(kept)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
