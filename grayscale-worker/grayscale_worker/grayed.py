"""A picture in black and white."""

from pictures import edited
from PIL import Image


def grayed(data: bytes) -> bytes:
    """Return the picture in `data` in shades of grey, in the same format, its transparency kept.

    A shade is the luma of ITU-R BT.601: 0.299 red + 0.587 green + 0.114 blue. What is grey already stays as it is,
    16-bit grey included. Raises `pictures.Refused` for bytes that are no good picture.
    """
    return edited(data, _grey, to_luma=True)


def _grey(frame: Image.Image) -> Image.Image:
    if frame.mode in ("1", "L", "LA", "I", "I;16", "I;16B", "F"):
        return frame
    if frame.mode == "LAB":
        frame = frame.convert("RGB")
    if frame.has_transparency_data:
        return (frame if frame.mode == "RGBA" else frame.convert("RGBA")).convert("LA")
    return frame.convert("L")
