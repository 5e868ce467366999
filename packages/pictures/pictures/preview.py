"""A small picture of a picture, for pages: in a format that every browser shows."""

import math
from contextlib import nullcontext
from io import BytesIO
from typing import cast

from PIL import Image, ImageFile

from .check import Room, is_large, opened
from .editing import orientation
from .profiles import fitting
from .turns import UPRIGHT


def preview(data: bytes, side: int, room: Room = nullcontext) -> bytes:
    """Return the picture in `data` as a WebP of at most `side` pixels a side, upright; of several frames the first.

    Kept: colour profile and transparency. Gone: all other metadata. Decoded in its room. Raises Refused, and NoRoom as
    `room` does.
    """
    with opened(data) as picture, room(is_large(picture.format, math.prod(picture.size))):
        return _saved(picture, _upright(picture, side), "WEBP", quality=80, method=2)


def thumbnail(data: bytes, side: int) -> bytes:
    """Return the picture in `data` as `preview` does, but as a JPEG, on white: for messages. Raises Refused."""
    with opened(data) as picture:
        small = _upright(picture, side)
        if small.mode == "RGBA":
            ground = Image.new("RGBA", small.size, "white")
            ground.alpha_composite(small)
            small = ground.convert("RGB")
        return _saved(picture, small, "JPEG", quality=80)


def _upright(picture: ImageFile.ImageFile, side: int) -> Image.Image:
    """The picture, small, in RGB or RGBA."""
    small = _small(picture, side)
    turn = UPRIGHT.get(orientation(picture))  # a TIFF is upright once loaded
    if turn is not None:
        small = small.transpose(turn)
    if small.mode in ("I", "F"):
        small = _shades(small)
    return small.convert("RGBA" if small.has_transparency_data else "RGB")


def _saved(picture: ImageFile.ImageFile, small: Image.Image, form: str, **options: int) -> bytes:
    out = BytesIO()
    small.save(out, form, icc_profile=fitting(picture.info.get("icc_profile"), small.mode), **options)
    return out.getvalue()


def _small(picture: ImageFile.ImageFile, side: int) -> Image.Image:
    picture.draft(None, (2 * side, 2 * side))  # of a JPEG no more is decoded than that takes
    picture.load()
    factor = max(picture.size) // (2 * side)
    small = _reduced(picture, factor) if factor > 1 else _mixable(picture)
    small.thumbnail((side, side), Image.Resampling.HAMMING)  # no shade comes out that was not between two
    return small


def _reduced(picture: Image.Image, factor: int) -> Image.Image:
    """The picture with sides `factor` times as short; strip by strip, so that its pixels are never there twice."""
    width, height = picture.size
    tall = 64 * factor
    strips = [
        _mixable(picture.crop((0, top, width, min(top + tall, height)))).reduce(factor)
        for top in range(0, height, tall)
    ]
    small = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    for number, strip in enumerate(strips):
        small.paste(strip, (0, 64 * number))
    return small


def _mixable(frame: Image.Image) -> Image.Image:
    """The frame in a mode whose pixels can be mixed with their neighbours."""
    if frame.mode.startswith("I;16"):
        return frame.convert("I")
    if frame.has_transparency_data:
        return frame if frame.mode in ("LA", "RGBA") else frame.convert("RGBA")
    return frame.convert({"1": "L", "P": "RGB"}[frame.mode]) if frame.mode in ("1", "P") else frame


def _shades(frame: Image.Image) -> Image.Image:
    """Shades of 8 bits, of a mode whose white is known by no rule but habit."""
    highest = cast(tuple[float, float], frame.getextrema())[1]
    white = next((usual for usual in (1, 255, 65_535) if usual >= highest), highest)
    return frame.convert("F").point(lambda value: value * (255 / white) + 0).convert("L")
