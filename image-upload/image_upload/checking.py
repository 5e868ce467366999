"""Every upload is decoded whole in a child process: what hostile bytes do there harms nobody."""

from pathlib import Path
from typing import Any

from bus.children import ChildFailed, Children, ChildTimedOut
from pictures import Limits, Refused, check

SECONDS = 30.0
MEGABYTES = 1_200


class Checker:
    """Checks files in child processes. Safe to share between requests."""

    def __init__(self, limits: Limits):
        self._limits = limits
        self._children = Children("image_upload.checking:check_request", megabytes=MEGABYTES)

    def start(self) -> None:
        self._children.start()

    def stop(self) -> None:
        self._children.kill()

    def extension(self, path: str) -> str:
        """The extension that the picture at `path` is to be stored with. Raises Refused."""
        limits = {"megabytes": self._limits.megabytes, "megapixels": self._limits.megapixels}
        try:
            answer = self._children.call({"path": path, "limits": limits}, SECONDS)
        except ChildTimedOut:
            raise Refused("timed-out") from None
        except ChildFailed:
            raise Refused("damaged") from None
        if "refused" in answer:
            raise Refused.from_json(answer["refused"])
        return str(answer["extension"])


def check_request(request: dict[str, Any]) -> dict[str, Any]:
    """What the child runs."""
    try:
        return {"extension": check(Path(request["path"]), Limits(**request["limits"])).extension}
    except Refused as refused:
        return {"refused": refused.to_json()}
