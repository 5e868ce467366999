"""Thumbnails of results, created in a child process, where large or malicious pictures do no harm."""

import base64
from pathlib import Path

from pictures import Refused, Store, thumbnail
from sandbox import ChildFailed, ChildPool

SIDE_PX = 320
TIMEOUT_SECONDS = 20.0


class Thumbnails:
    def __init__(self, store: Store):
        self._store = store
        self._children = ChildPool("notifier.thumbnails:thumbnail_in_child", count=1)

    def of(self, result: str | None) -> bytes | None:
        """A JPEG, at most SIDE_PX wide and high, of the file `result` in the store; None if it cannot be created."""
        if not result:
            return None
        try:
            answer = self._children.call(str(self._store.path(result)), TIMEOUT_SECONDS)
        except (ChildFailed, Refused):
            return None
        return base64.b64decode(answer) if answer else None


def thumbnail_in_child(path: str) -> str | None:
    """The function that the child process runs: returns the thumbnail in base64, or None if it cannot be created."""
    try:
        return base64.b64encode(thumbnail(Path(path).read_bytes(), SIDE_PX)).decode()
    except (Refused, OSError):
        return None
