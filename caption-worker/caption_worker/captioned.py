"""Captions a picture with its file name: in white, on a dark translucent band along its lower edge."""

from math import sqrt
from typing import cast

from pictures import edited
from PIL import Image

from .fonts import EM, cjk_face
from .lines import layout, render
from .names import graphemes

_BAND_OPACITY = 0.66  # white text on a white picture still has a contrast of 7 to 1
_MIN_FONT_SIZE_PX = 10  # per em: the smallest legible size
_LINE_HEIGHT_EM = 1.4
_MARGIN_EM = 0.4  # around the text

_DARK = (8, 8, 8)  # the band on a transparent background
_ALPHA = round(255 * _BAND_OPACITY)
_DARKENED = [round(value * (1 - _BAND_OPACITY)) for value in range(256)]
_THRESHOLD = [0] * 128 + [255] * 128
_CMYK_KEY = [255 - value for value in reversed(_DARKENED)]


def captioned(data: bytes, text: str) -> bytes:
    """Return the picture in `data` with `text` written on it, in the same format.

    The font size is proportional to the picture. A long text wraps to two lines; a longer one is truncated in the
    middle, and keeps the file extension. A picture too small for legible text has no caption. Pixels above the band do
    not change.

    Raises `pictures.Refused` if `data` is not a valid picture.
    """
    labels: dict[tuple[int, int], Image.Image | None] = {}

    def change(frame: Image.Image) -> Image.Image:
        if frame.size not in labels:
            labels[frame.size] = label(text, *frame.size)
        mask = labels[frame.size]
        return draw_label(frame, mask) if mask else frame

    return edited(data, change)


def label(text: str, width: int, height: int) -> Image.Image | None:
    """Return the text for a picture of `width` × `height` pixels, as a mask of the size of its band.

    Return None if there is nothing to write, or not enough space.
    """
    size = max(_MIN_FONT_SIZE_PX, min(0.042 * sqrt(width * height), height / 6, width / 14))
    line_width = int((width / size - 2 * _MARGIN_EM) * EM)
    max_lines = min(2, int((0.6 * height / size - _MARGIN_EM) / _LINE_HEIGHT_EM))  # the band takes at most 3/5
    name = graphemes(text)
    lines = layout(name, line_width, max_lines, cjk_face(text)) if name and max_lines > 0 and line_width > 0 else None
    if not lines:
        return None
    band_height = round((len(lines) * _LINE_HEIGHT_EM + _MARGIN_EM) * size)
    return render(lines, size, width, band_height, _LINE_HEIGHT_EM * size)


def draw_label(frame: Image.Image, mask: Image.Image) -> Image.Image:
    """Return `frame` with a band along its lower edge and the text in `mask` on it; in its own mode if possible."""
    mode = frame.mode
    if mode in ("1", "L", "RGB") and frame.has_transparency_data:
        mode = "RGBA" if mode == "RGB" else "LA"  # one colour is transparent, and it may be that of the text
    elif mode != "P" and mode not in _PAINTERS:
        mode = "RGBA" if frame.has_transparency_data else "RGB"
    if mode != frame.mode:
        frame = frame.convert(mode)
    box = (0, frame.height - mask.height, *frame.size)
    band = frame.crop(box)
    if mode == "P":
        painted = _paint_palette(frame, band, mask)
        if painted is None:
            return draw_label(frame.convert("RGBA" if frame.has_transparency_data else "RGB"), mask)
    else:
        painted = _PAINTERS[mode](band, mask)
    frame.paste(painted, box)
    return frame


def _paint_gray_or_rgb(band: Image.Image, mask: Image.Image) -> Image.Image:
    band = band.point(_DARKENED * len(band.getbands()))
    band.paste("white", mask=mask)
    return band


def _paint_cmyk(band: Image.Image, mask: Image.Image) -> Image.Image:
    band = band.point(list(range(256)) * 3 + _CMYK_KEY)
    band.paste((0, 0, 0, 0), mask=mask)
    return band


def _paint_lab(band: Image.Image, mask: Image.Image) -> Image.Image:
    band = band.point(_DARKENED + list(range(256)) * 2)
    band.paste((255, 128, 128), mask=mask)
    return band


def _paint_1_bit(band: Image.Image, mask: Image.Image) -> Image.Image:
    band.paste(0, (0, 0, *band.size))
    band.paste(1, mask=mask.point(_THRESHOLD, "1"))
    return band


def _paint_16_bit(band: Image.Image, mask: Image.Image) -> Image.Image:
    transparent = band.info.get("transparency")
    band = band.point(lambda value: value * (1 - _BAND_OPACITY) + 1)  # never 0, which is often transparent
    band.paste(65_534 if transparent == 65_535 else 65_535, (0, 0), mask)
    return band


def _paint_numeric(band: Image.Image, mask: Image.Image) -> Image.Image:
    """For modes without a defined white, and in which Pillow cannot blend values."""
    mode, band = band.mode, band.convert("F")
    highest = cast(tuple[float, float], band.getextrema())[1]
    white = next((common for common in (1, 255, 65_535) if common >= highest), highest)
    band = band.point(lambda value: value * (1 - _BAND_OPACITY) + 0)
    band.paste(white, mask=mask.point(_THRESHOLD, "1"))
    return band if mode == "F" else band.convert("I").convert(mode)


def _paint_transparent(band: Image.Image, mask: Image.Image) -> Image.Image:
    mode, band = band.mode, band.convert("RGBA")
    band.alpha_composite(Image.new("RGBA", band.size, (*_DARK, _ALPHA)))
    band.paste("white", mask=mask)
    return band.convert(mode)


_PAINTERS = {
    "1": _paint_1_bit,
    "L": _paint_gray_or_rgb,
    "RGB": _paint_gray_or_rgb,
    "CMYK": _paint_cmyk,
    "LAB": _paint_lab,
    "I;16": _paint_16_bit,
    "I;16B": _paint_numeric,
    "I": _paint_numeric,
    "F": _paint_numeric,
    "RGBA": _paint_transparent,
    "LA": _paint_transparent,
}


def _paint_palette(frame: Image.Image, band: Image.Image, mask: Image.Image) -> Image.Image | None:
    """Draw on the band in colours added to the palette of `frame`; return None if the palette has no space for them."""
    transparent = frame.info.get("transparency")
    wanted = Image.new("RGBA", band.size, (*_DARK, 255))
    wanted.alpha_composite(band.convert("RGBA"))
    shown = _paint_gray_or_rgb(wanted.convert("RGB"), mask)
    unused = [index for index, count in enumerate(frame.histogram()) if not count and index != transparent]
    if len(unused) < 32:
        existing = Image.new("P", (1, 1))
        existing.putpalette(frame.getpalette() or [])
        close = shown.quantize(palette=existing, dither=Image.Dither.NONE)
        return close if transparent is None and _is_legible(close, mask) else None
    colours = shown.quantize(min(len(unused), 96), Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    new = colours.getpalette() or []
    palette = ((frame.getpalette() or []) + [0] * 768)[:768]
    for number in range(len(new) // 3):
        palette[3 * unused[number] : 3 * unused[number] + 3] = new[3 * number : 3 * number + 3]
    if isinstance(transparent, bytes):
        frame.info["transparency"] = bytes(
            255 if i in set(unused) else a for i, a in enumerate(transparent.ljust(256, b"\xff"))
        )
    frame.putpalette(palette)
    return colours.point([unused[min(number, len(unused) - 1)] for number in range(256)])


def _is_legible(band: Image.Image, mask: Image.Image) -> bool:
    """Whether the text is bright and the rest of the band dark."""
    shades = band.convert("L")
    bright = shades.histogram(mask.point(lambda value: 255 * (value == 255)))
    dark = shades.histogram(mask.point(lambda value: 255 * (value == 0)))
    return not any(bright[:200]) and not any(dark[120:])
