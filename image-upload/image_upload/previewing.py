"""Small pictures for the page, made when they are first asked for, in a child process, and kept in the store."""

import errno
import os
from typing import Any

from bus.children import Children
from pictures import NoRoom, Refused, Store, preview

from .asking import asked
from .checking import in_room

SIDES = (480, 1600)
"""Pixels: of a tile on a dense screen; of what stands in for a picture that a browser cannot show."""

SECONDS = 30.0
MEGABYTES = 1_200


class Previews:
    """Makes previews one at a time, in a child of its own: uploads do not wait for them. Safe to share."""

    def __init__(self, store: Store):
        self._store = store
        self._children = Children("image_upload.previewing:preview_request", count=1, megabytes=MEGABYTES)

    def stop(self) -> None:
        self._children.kill()

    def of(self, name: str, side: int) -> str:
        """The name of the preview of the file `name` of the store.

        Raises Refused; OSError as the file system does; Problem as `asked` does.
        """
        if not self._store.has_preview(name, side):
            request = {"store": self._store.root.as_uri(), "name": name, "side": side}
            answer = asked(self._children, request, SECONDS, deadly="failed")
            if "errno" in answer:
                raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return self._store.preview_name(name, side)


def preview_request(request: dict[str, Any]) -> dict[str, Any]:
    """What the child runs."""
    store, name, side = Store(request["store"]), request["name"], request["side"]
    try:
        if not store.has_preview(name, side):  # it may have been made while this request waited
            store.write(store.preview_name(name, side), preview(store.path(name).read_bytes(), side, in_room))
    except Refused as refused:
        return {"refused": refused.to_json()}
    except FileNotFoundError:
        return {"refused": Refused("missing").to_json()}
    except NoRoom as error:
        return {"busy": str(error)}
    except OSError as error:
        return {"errno": error.errno or errno.EIO}
    return {}
