"""Turns and mirrorings of a picture: the eight of a square, Pillow's seven and none."""

from functools import cache

from PIL import Image

Turn = Image.Transpose

# What undoes an orientation of EXIF (tag 274; 1 is upright).
UPRIGHT = {
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}
# Whether what was last in the rows, or in the columns, of the original comes first.
REVERSES_ROWS = {Turn.FLIP_LEFT_RIGHT, Turn.ROTATE_180, Turn.TRANSVERSE, Turn.ROTATE_90}
REVERSES_COLUMNS = {Turn.FLIP_TOP_BOTTOM, Turn.ROTATE_180, Turn.TRANSVERSE, Turn.ROTATE_270}


@cache
def combined(*turns: Turn | None) -> Turn | None:
    """Return what is one with `turns`, one after the other; None leaves a picture as it is."""
    corners = Image.frombytes("L", (2, 2), b"\0\1\2\3")  # where its corners go tells which of the eight it is
    turned = corners
    for turn in turns:
        if turn is not None:
            turned = turned.transpose(turn)
    return next((turn for turn in Turn if corners.transpose(turn).tobytes() == turned.tobytes()), None)
