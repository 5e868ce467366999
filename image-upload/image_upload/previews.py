"""Previews: small pictures for the page, created on first request in a child process, and cached in the store."""

import errno
import os
from typing import Any

from pictures import NoRoom, Refused, Store, preview
from sandbox import ChildPool

from .child_calls import call_child
from .upload_check import reserve_memory

SIDES_PX = (480, 1600)
"""A gallery tile on a high-density screen; the replacement for a picture that the browser cannot display."""

TIMEOUT_SECONDS = 30.0
MEMORY_LIMIT_MB = 1_200


class Previews:
    """Creates previews one at a time, in a child process of their own: uploads do not wait for them. Thread-safe."""

    def __init__(self, store: Store):
        self._store = store
        self._children = ChildPool("image_upload.previews:preview_in_child", count=1, megabytes=MEMORY_LIMIT_MB)

    def stop(self) -> None:
        self._children.kill()

    def get(self, name: str, side: int) -> str:
        """Create the preview of the file `name` if it is missing, and return its name in the store.

        `side` is the maximum width and height in pixels. Raises as `call_child` does; OSError if the store fails.
        """
        if not self._store.has_preview(name, side):
            request = {"store": self._store.root.as_uri(), "name": name, "side": side}
            response = call_child(self._children, request, TIMEOUT_SECONDS, crash_code="failed")
            if "errno" in response:
                raise OSError(response["errno"], os.strerror(response["errno"]))
        return self._store.preview_name(name, side)


def preview_in_child(request: dict[str, Any]) -> dict[str, Any]:
    """The function that the child process runs."""
    store, name, side = Store(request["store"]), request["name"], request["side"]
    try:
        if not store.has_preview(name, side):  # it may have been created while this request waited
            store.write(store.preview_name(name, side), preview(store.path(name).read_bytes(), side, reserve_memory))
    except Refused as refused:
        return {"refused": refused.to_json()}
    except FileNotFoundError:
        return {"refused": Refused("missing").to_json()}
    except NoRoom as error:
        return {"busy": str(error)}
    except OSError as error:
        return {"errno": error.errno or errno.EIO}
    return {}
