"""Decodes every upload completely in a child process, where malicious data does no harm."""

from functools import partial
from pathlib import Path
from typing import Any

from pictures import Limits, NoRoom, Refused, check, room
from sandbox import ChildPool, child_count

from .child_calls import call_child

TIMEOUT_SECONDS = 30.0
MEMORY_LIMIT_MB = 1_200

reserve_memory = partial(room, "image-upload", patience=TIMEOUT_SECONDS / 2)
"""Reserves memory for a picture among all child processes of this service."""


class UploadChecker:
    """Checks uploaded files in child processes. Thread-safe."""

    def __init__(self, limits: Limits):
        self._limits = limits
        count = child_count(reserved=1)  # the child that makes previews
        self._children = ChildPool("image_upload.upload_check:check_in_child", count, MEMORY_LIMIT_MB)

    def start(self) -> None:
        self._children.start()

    def stop(self) -> None:
        self._children.kill()

    def extension(self, path: str) -> str:
        """Check the picture at `path` and return the file extension of its format. Raises as `call_child` does."""
        limits = {"megabytes": self._limits.megabytes, "megapixels": self._limits.megapixels}
        request = {"path": path, "limits": limits}
        return str(call_child(self._children, request, TIMEOUT_SECONDS, crash_code="damaged")["extension"])


def check_in_child(request: dict[str, Any]) -> dict[str, Any]:
    """The function that the child processes run."""
    try:
        return {"extension": check(Path(request["path"]), Limits(**request["limits"]), reserve_memory).extension}
    except Refused as refused:
        return {"refused": refused.to_json()}
    except NoRoom as error:
        return {"busy": str(error)}
