"""Converts a picture to greyscale."""

from pictures import edited, in_srgb
from PIL import Image


def grayed(data: bytes) -> bytes:
    """Return the picture in `data` in greyscale, in the same format, with its transparency.

    The grey level is the luma of ITU-R BT.601: 0.299 red + 0.587 green + 0.114 blue. Greyscale pictures do not change,
    16-bit ones included. Raises `pictures.Refused` if `data` is not a valid picture.
    """
    return edited(data, _grey, to_luma=True)


def _grey(frame: Image.Image) -> Image.Image:
    if frame.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "F"):
        return frame
    if frame.mode in ("CMYK", "LAB"):
        frame = in_srgb(frame)
    if frame.has_transparency_data:
        return (frame if frame.mode == "RGBA" else frame.convert("RGBA")).convert("LA")
    return frame.convert("L")
