"""A picture turned by quarters: no pixel is lost, none is made up."""

from pictures import edited
from PIL import Image

_TURNS = {  # Pillow counts anticlockwise
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


def rotated(data: bytes, degrees: int = 180) -> bytes:
    """Return the picture in `data` turned clockwise by 90, 180 or 270 `degrees`, in the same format.

    Raises ValueError for other degrees, `pictures.Refused` for bytes that are no good picture.
    """
    if degrees not in _TURNS:
        raise ValueError(f"a picture is turned by 90, 180 or 270 degrees, not by {degrees}")
    return edited(data, turn=_TURNS[degrees])
