"""Small JPEGs of results, made in a child process: what is large or hostile there harms no message."""

import base64
from pathlib import Path

from bus.children import ChildFailed, Children
from pictures import Refused, Store, thumbnail

SIDE = 320
SECONDS = 20.0


class Thumbnails:
    def __init__(self, store: Store):
        self._store = store
        self._children = Children("notifier.thumbnails:thumbnail_of", count=1)

    def of(self, result: str | None) -> bytes | None:
        """A JPEG of at most 320 pixels a side of the file `result` of the store; None where there is none."""
        if not result:
            return None
        try:
            answer = self._children.call(str(self._store.path(result)), SECONDS)
        except (ChildFailed, Refused):
            return None
        return base64.b64decode(answer) if answer else None


def thumbnail_of(path: str) -> str | None:
    """What the child runs: from the path of a picture to a JPEG in base 64; None where a message goes without."""
    try:
        return base64.b64encode(thumbnail(Path(path).read_bytes(), SIDE)).decode()
    except (Refused, OSError):
        return None
