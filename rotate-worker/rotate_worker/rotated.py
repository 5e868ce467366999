"""Rotates a picture by multiples of 90 degrees, without losing or interpolating pixels."""

from pictures import edited
from PIL import Image

_TURNS = {  # Pillow counts anticlockwise
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


def rotated(data: bytes, degrees: int = 180) -> bytes:
    """Return the picture in `data` rotated clockwise by 90, 180 or 270 `degrees`, in the same format.

    Raises ValueError for other degrees, `pictures.Refused` if `data` is not a valid picture.
    """
    if degrees not in _TURNS:
        raise ValueError(f"a picture can be rotated by 90, 180 or 270 degrees, not by {degrees}")
    return edited(data, turn=_TURNS[degrees])
