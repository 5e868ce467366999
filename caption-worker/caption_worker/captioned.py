"""A picture with its file name written on it: in white, on a dark translucent band along its lower edge."""

from math import sqrt
from typing import cast

from pictures import edited
from PIL import Image

from .fonts import EM, east_asian_face
from .lines import drawn, set_in
from .names import signs

_DARKNESS = 0.66  # of the band: on pure white, white letters still have a contrast of 7 to 1
_SMALLEST = 10  # pixels to the em: the least that can be read
_LEADING = 1.4  # from line to line, in ems
_MARGIN = 0.4  # around the text, in ems

_DARK = (8, 8, 8)  # on transparent ground
_ALPHA = round(255 * _DARKNESS)
_DARKER = [round(value * (1 - _DARKNESS)) for value in range(256)]
_SHARP = [0] * 128 + [255] * 128
_INKED = [255 - value for value in reversed(_DARKER)]


def captioned(data: bytes, text: str) -> bytes:
    """Return the picture in `data` with `text` written on it, in the same format.

    The size of the letters goes with that of the picture; a long text takes two lines, and past that loses its
    middle, never the file's ending. A picture too small for letters that can be read stays without. Pixels above
    the band stay as they are.

    Raises `pictures.Refused` for bytes that are no good picture.
    """
    labels: dict[tuple[int, int], Image.Image | None] = {}

    def change(frame: Image.Image) -> Image.Image:
        if frame.size not in labels:
            labels[frame.size] = label(text, *frame.size)
        letters = labels[frame.size]
        return written(frame, letters) if letters else frame

    return edited(data, change)


def label(text: str, width: int, height: int) -> Image.Image | None:
    """Return the letters for a picture of `width` × `height` pixels, as a mask of the size of their band.

    None where there is nothing to write, or no room for it.
    """
    size = max(_SMALLEST, min(0.042 * sqrt(width * height), height / 6, width / 14))
    room = int((width / size - 2 * _MARGIN) * EM)
    most = min(2, int((0.6 * height / size - _MARGIN) / _LEADING))  # of the height, the band takes 3/5 at most
    name = signs(text)
    lines = set_in(name, room, most, east_asian_face(text)) if name and most > 0 and room > 0 else None
    if not lines:
        return None
    return drawn(lines, size, width, round((len(lines) * _LEADING + _MARGIN) * size), _LEADING * size)


def written(frame: Image.Image, letters: Image.Image) -> Image.Image:
    """Return `frame`, in its own mode wherever that can be, with a band at its foot and `letters` on that."""
    mode = frame.mode
    if mode in ("1", "L", "RGB") and frame.has_transparency_data:
        mode = "RGBA" if mode == "RGB" else "LA"  # one of the colours is a hole: it may be that of the letters
    elif mode != "P" and mode not in _WRITERS:
        mode = "RGBA" if frame.has_transparency_data else "RGB"
    if mode != frame.mode:
        frame = frame.convert(mode)
    box = (0, frame.height - letters.height, *frame.size)
    band = frame.crop(box)
    if mode == "P":
        painted = _on_palette(frame, band, letters)
        if painted is None:
            return written(frame.convert("RGBA" if frame.has_transparency_data else "RGB"), letters)
    else:
        painted = _WRITERS[mode](band, letters)
    frame.paste(painted, box)
    return frame


def _on_shades(band: Image.Image, letters: Image.Image) -> Image.Image:
    band = band.point(_DARKER * len(band.getbands()))
    band.paste("white", mask=letters)
    return band


def _on_ink(band: Image.Image, letters: Image.Image) -> Image.Image:
    band = band.point(list(range(256)) * 3 + _INKED)
    band.paste((0, 0, 0, 0), mask=letters)
    return band


def _on_lab(band: Image.Image, letters: Image.Image) -> Image.Image:
    band = band.point(_DARKER + list(range(256)) * 2)
    band.paste((255, 128, 128), mask=letters)
    return band


def _on_bits(band: Image.Image, letters: Image.Image) -> Image.Image:
    band.paste(0, (0, 0, *band.size))
    band.paste(1, mask=letters.point(_SHARP, "1"))
    return band


def _on_16_bits(band: Image.Image, letters: Image.Image) -> Image.Image:
    hole = band.info.get("transparency")
    band = band.point(lambda value: value * (1 - _DARKNESS) + 1)  # never 0, which often is the hole
    band.paste(65_534 if hole == 65_535 else 65_535, (0, 0), letters)
    return band


def _on_numbers(band: Image.Image, letters: Image.Image) -> Image.Image:
    """Of modes whose white is known by no rule but habit, and in which Pillow mixes no values."""
    mode, band = band.mode, band.convert("F")
    highest = cast(tuple[float, float], band.getextrema())[1]
    white = next((usual for usual in (1, 255, 65_535) if usual >= highest), highest)
    band = band.point(lambda value: value * (1 - _DARKNESS) + 0)
    band.paste(white, mask=letters.point(_SHARP, "1"))
    return band if mode == "F" else band.convert("I").convert(mode)


def _on_transparent(band: Image.Image, letters: Image.Image) -> Image.Image:
    mode, band = band.mode, band.convert("RGBA")
    band.alpha_composite(Image.new("RGBA", band.size, (*_DARK, _ALPHA)))
    band.paste("white", mask=letters)
    return band.convert(mode)


_WRITERS = {
    "1": _on_bits,
    "L": _on_shades,
    "RGB": _on_shades,
    "CMYK": _on_ink,
    "LAB": _on_lab,
    "I;16": _on_16_bits,
    "I;16B": _on_numbers,
    "I": _on_numbers,
    "F": _on_numbers,
    "RGBA": _on_transparent,
    "LA": _on_transparent,
}


def _on_palette(frame: Image.Image, band: Image.Image, letters: Image.Image) -> Image.Image | None:
    """The band with the letters, in colours that are added to the palette of `frame`; None where it has no room."""
    hole = frame.info.get("transparency")
    wanted = Image.new("RGBA", band.size, (*_DARK, 255))
    wanted.alpha_composite(band.convert("RGBA"))
    shown = _on_shades(wanted.convert("RGB"), letters)
    free = [index for index, count in enumerate(frame.histogram()) if not count and index != hole]
    if len(free) < 32:
        kept = Image.new("P", (1, 1))
        kept.putpalette(frame.getpalette() or [])
        close = shown.quantize(palette=kept, dither=Image.Dither.NONE)
        return close if hole is None and _can_be_read(close, letters) else None
    colours = shown.quantize(min(len(free), 96), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    new = colours.getpalette() or []
    palette = ((frame.getpalette() or []) + [0] * 768)[:768]
    for number in range(len(new) // 3):
        palette[3 * free[number] : 3 * free[number] + 3] = new[3 * number : 3 * number + 3]
    if isinstance(hole, bytes):
        frame.info["transparency"] = bytes(255 if i in set(free) else a for i, a in enumerate(hole.ljust(256, b"\xff")))
    frame.putpalette(palette)
    return colours.point([free[min(number, len(free) - 1)] for number in range(256)])


def _can_be_read(band: Image.Image, letters: Image.Image) -> bool:
    """Whether what is under the letters is bright, and what is between them dark."""
    shades = band.convert("L")
    bright = shades.histogram(letters.point(lambda value: 255 * (value == 255)))
    dark = shades.histogram(letters.point(lambda value: 255 * (value == 0)))
    return not any(bright[:200]) and not any(dark[120:])
