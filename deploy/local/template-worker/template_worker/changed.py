"""What the worker does to a picture: the place to begin."""

from pictures import edited
from PIL import Image, ImageOps


def changed(data: bytes) -> bytes:
    """Return the picture in `data`, changed: in the same format, frame by frame.

    Raises `pictures.Refused` for bytes that are no good picture.
    """
    return edited(data, _change)


def _change(frame: Image.Image) -> Image.Image:
    """Any function from a Pillow picture to a Pillow picture; the mode may be any (RGB, L, P, RGBA, CMYK, …)."""
    return ImageOps.mirror(frame)
