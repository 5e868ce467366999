"""Every upload is decoded whole in a child process: what hostile bytes do there harms nobody."""

from functools import partial
from pathlib import Path
from typing import Any

from bus.children import Children, places
from pictures import Limits, NoRoom, Refused, check, room

from .asking import asked

SECONDS = 30.0
MEGABYTES = 1_200

in_room = partial(room, "image-upload", patience=SECONDS / 2)
"""Holds the room for a picture among all children of this service."""


class Checker:
    """Checks files in child processes. Safe to share between requests."""

    def __init__(self, limits: Limits):
        self._limits = limits
        beside_previews = places(but=1)
        self._children = Children("image_upload.checking:check_request", beside_previews, MEGABYTES)

    def start(self) -> None:
        self._children.start()

    def stop(self) -> None:
        self._children.kill()

    def extension(self, path: str) -> str:
        """The extension that the picture at `path` is to be stored with. Raises Refused; Problem as `asked` does."""
        limits = {"megabytes": self._limits.megabytes, "megapixels": self._limits.megapixels}
        return str(asked(self._children, {"path": path, "limits": limits}, SECONDS, deadly="damaged")["extension"])


def check_request(request: dict[str, Any]) -> dict[str, Any]:
    """What the child runs."""
    try:
        return {"extension": check(Path(request["path"]), Limits(**request["limits"]), in_room).extension}
    except Refused as refused:
        return {"refused": refused.to_json()}
    except NoRoom as error:
        return {"busy": str(error)}
