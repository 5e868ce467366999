"""A small picture of a picture, for pages: in a format that every browser shows."""

import math
from contextlib import nullcontext
from io import BytesIO
from typing import cast

from PIL import Image

from .check import Room, is_large, opened
from .colour import shown
from .editing import orientation
from .png import shades
from .tiff import unsigned
from .turns import UPRIGHT

MAX_SIDE_RATIO = 20
"""How many times as long as the other a side may be in messages: Telegram takes no picture beyond that."""


def preview(data: bytes, side: int, room: Room = nullcontext) -> bytes:
    """Return the picture in `data` as a WebP of at most `side` pixels a side, upright; of several frames the first.

    Kept: transparency, and colours, by their profile or converted to sRGB. Gone: all other metadata. Decoded in its
    room. Raises Refused, and NoRoom as `room` does.
    """
    with opened(data) as (picture, sound), room(is_large(picture.format, math.prod(picture.size))):
        small, profile = _upright(picture, sound, side)
        return _saved(small, "WEBP", icc_profile=profile, quality=80, method=2)


def thumbnail(data: bytes, side: int) -> bytes:
    """Return the picture in `data` as `preview` does, but as a JPEG, on white: for messages. Raises Refused.

    The ground is as large as the picture, or larger where its sides differ too much.
    """
    with opened(data) as (picture, sound):
        small, profile = _upright(picture, sound, side)
        width, height = small.size
        size = max(width, math.ceil(height / MAX_SIDE_RATIO)), max(height, math.ceil(width / MAX_SIDE_RATIO))
        if small.mode == "RGBA" or size != small.size:
            ground = Image.new("RGBA", size, "white")
            ground.alpha_composite(small.convert("RGBA"), ((size[0] - width) // 2, (size[1] - height) // 2))
            small = ground.convert("RGB")
        return _saved(small, "JPEG", icc_profile=profile, quality=80)


def _upright(picture: Image.Image, data: bytes, side: int) -> tuple[Image.Image, bytes | None]:
    """The picture, small, in RGB or RGBA, and its profile."""
    small = _small(picture, side)
    turn = UPRIGHT.get(orientation(picture))  # a TIFF is upright once loaded
    if turn is not None:
        small = small.transpose(turn)
    if small.mode in ("I", "F"):
        small = _shades(small)
    return shown(small, picture, data)


def _saved(small: Image.Image, form: str, **options: bytes | int | None) -> bytes:
    out = BytesIO()
    small.info = {}
    small.save(out, form, **options)
    return out.getvalue()


def _small(picture: Image.Image, side: int) -> Image.Image:
    if picture.info.get("default_image"):  # of an APNG: browsers show the animation beside it
        picture.seek(1)
    picture.draft(None, (2 * side, 2 * side))  # of a JPEG no more is decoded than that takes
    picture.load()
    loaded, factor = unsigned(picture), max(picture.size) // (2 * side)
    small = _reduced(loaded, factor) if factor > 1 else _mixable(loaded)
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
    if frame.mode == "I;16" and "transparency" in frame.info:
        return shades(frame)
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
