"""Small JPEGs of results, made in a child process: what is large or hostile there harms no message."""

import base64
from io import BytesIO
from typing import Any

from bus.children import ChildFailed, Children
from pictures import Refused, Store
from PIL import Image

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


def thumbnail_of(path: str) -> Any:
    """What the child runs: from the path of a picture to a JPEG in base 64, or None."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (SIDE, SIDE))
            small: Image.Image = picture
            if picture.mode.startswith("I"):  # 16 bits a pixel
                small = picture.point(lambda value: value / 256).convert("L")
            elif picture.mode in ("P", "1"):
                small = picture.convert("RGBA")
            small.thumbnail((SIDE, SIDE))
            small = small.convert("RGBA")
    except Exception:  # whatever the bytes of a picture make Pillow raise: the message goes without
        return None
    ground = Image.new("RGB", small.size, "white")
    ground.paste(small, mask=small)
    out = BytesIO()
    ground.save(out, "JPEG", quality=80)
    return base64.b64encode(out.getvalue()).decode()
