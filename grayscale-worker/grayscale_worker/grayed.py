"""A picture in black and white."""

from pictures import edited
from PIL import Image


def grayed(data: bytes) -> bytes:
    """Return the picture in `data` in shades of grey, in the same format, its transparency kept.

    A shade is the luma of ITU-R BT.601: 0.299 red + 0.587 green + 0.114 blue. What is grey already stays as it is,
    16-bit grey included. Raises `pictures.Refused` for bytes that are no good picture.
    """
    return edited(data, _grey, draft="L")


def _grey(frame: Image.Image) -> Image.Image:
    if frame.mode in ("1", "L", "LA", "I;16"):
        return frame
    if frame.has_transparency_data:
        return frame.convert("RGBA").convert("LA")
    return frame.convert("L")
