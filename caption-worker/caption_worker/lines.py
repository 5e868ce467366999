"""Lines of text: ordered, shaped, broken and drawn, in any script."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import bidirectional

import uharfbuzz as hb
from PIL import Image

from .fonts import EM, font_of, script_of
from .names import ending, shortened

Signs = Sequence[str]
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_BREAKS = re.compile(r"[\s_\-–)\]\u3000-\u9fff\uac00-\ud7a3]")  # a line may end after these


@dataclass(frozen=True)
class Glyph:
    """A shape of a font, and where it stands on the line: `x` and `y` in 1/EM of the text's size."""

    font: hb.Font
    number: int
    x: int
    y: int


@dataclass(frozen=True)
class Line:
    width: int  # in 1/EM of the text's size
    glyphs: tuple[Glyph, ...]


@dataclass(frozen=True)
class _Run:
    """Signs of one font, script and direction."""

    text: str
    font: hb.Font
    script: str | None
    leftwards: bool


def set_in(name: Signs, width: int, most: int, face: int) -> list[Line] | None:
    """Return `name` in at most `most` lines of `width` (1/EM of the size), shortened in the middle where need be.

    None where there is no room for its first sign and its ending.
    """
    lines = _broken(tuple(name), width, most, face)
    if lines:
        return lines
    fit, least, limit = None, ending(name) + 1, len(name)
    while least < limit:  # the most signs that have room
        kept = (least + limit) // 2
        lines = _broken(tuple(shortened(name, kept)), width, most, face)
        if lines:
            fit, least = lines, kept + 1
        else:
            limit = kept
    return fit


def drawn(lines: Sequence[Line], size: float, width: int, height: int, leading: float) -> Image.Image:
    """Return a mask of `width` × `height` pixels with the lines in its middle, their baselines `leading` apart.

    What stands out of it, such as piles of accents, is cut off.
    """
    raster = hb.RasterDraw()
    raster.extents = hb.RasterExtents(0, 0, width, height)
    scale = size / EM
    # Letters without descenders are 0.714 em high: their middle is where the eye sees that of the line.
    lowest = height / 2 - 0.34 * size - leading * (len(lines) - 1) / 2
    for number, line in enumerate(reversed(lines)):
        left, baseline = (width - line.width * scale) / 2, round(lowest + number * leading)
        for glyph in line.glyphs:
            raster.transform = (scale, 0, 0, scale, left + glyph.x * scale, baseline + glyph.y * scale)
            raster.draw_glyph(glyph.font, glyph.number)
    image = raster.render()
    assert image is not None
    rows_upwards = -1
    return Image.frombytes("L", (width, height), image.buffer, "raw", "L", image.extents.stride, rows_upwards)


def _broken(name: tuple[str, ...], width: int, most: int, face: int) -> list[Line] | None:
    """`name` in at most `most` lines; None where it needs more."""
    lines: list[Line] = []
    while name and len(lines) < most:
        end = _room(name, width, face)
        if end < len(name):
            last = max((at for at in range(1, end + 1) if _BREAKS.match(name[at - 1])), default=0)
            end = last if 2 * last >= end else end
        lines.append(_shaped(_stripped(name[:end]), face))
        name = _stripped(name[end:]) if end else name
        if not end:
            return None
    return None if name else lines


def _stripped(name: tuple[str, ...]) -> tuple[str, ...]:
    start = 1 if name[:1] == (" ",) else 0
    return name[start : len(name) - 1 if name[-1:] == (" ",) else None]


def _room(name: tuple[str, ...], width: int, face: int) -> int:
    """How many of the first signs have room in `width`."""
    fits, limit = 0, len(name) + 1
    while fits + 1 < limit:
        tried = (fits + limit) // 2
        if _shaped(name[:tried], face).width <= width:
            fits = tried
        else:
            limit = tried
    return fits


@lru_cache(64)
def _shaped(name: tuple[str, ...], face: int) -> Line:
    x, glyphs = 0, []
    for run in _in_order(name, face):
        buffer = hb.Buffer()
        buffer.add_str(run.text)
        if run.script:
            buffer.script = run.script
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if run.leftwards else "ltr"
        hb.shape(run.font, buffer)
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            glyphs.append(Glyph(run.font, info.codepoint, x + place.x_offset, place.y_offset))
            x += place.x_advance
    return Line(x, tuple(glyphs))


def _in_order(name: tuple[str, ...], face: int) -> Iterator[_Run]:
    """The runs of a line from left to right.

    Names read rightwards, as file managers show them, with leftward stretches where Hebrew and Arabic stand: the
    rules of UAX #9 for a paragraph of level 0 without embeddings, but that signs between figures stay with them.
    """
    kinds = "".join(map(_kind, name))
    at = 0
    for found in re.finditer("R(?:[^L]*[RN])?", kinds):
        start, end = found.span()
        if start < at:
            continue
        while end < len(name) and name[end] in _closed(name[start:end]):
            end += 1
        yield from _runs(name[at:start], face, leftwards=False)
        parts = list(re.finditer("N(?:[CN]*N)?|[^N]+", kinds[start:end]))
        for part in reversed(parts):
            signs = name[start + part.start() : start + part.end()]
            leftwards = not part[0].startswith("N")
            yield from reversed(list(_runs(signs, face, leftwards))) if leftwards else _runs(signs, face, leftwards)
        at = end
    yield from _runs(name[at:], face, leftwards=False)


def _kind(sign: str) -> str:
    """L, R: written rightwards, leftwards; N: of a number; C: may stand between figures; else a space."""
    kinds = {"L": "L", "R": "R", "AL": "R", "EN": "N", "AN": "N", "CS": "C", "ES": "C"}
    return kinds.get(bidirectional(sign[0]), " ")


def _closed(signs: Signs) -> set[str]:
    """The bracket that would close the last one left open in `signs`."""
    waiting: list[str] = []
    for sign in signs:
        if sign in _BRACKETS:
            waiting.append(_BRACKETS[sign])
        elif waiting and sign == waiting[-1]:
            waiting.pop()
    return set(waiting[-1:])


def _runs(name: tuple[str, ...], face: int, leftwards: bool) -> Iterator[_Run]:
    text, font, script = "", font_of("", face), None
    for sign in name:
        # In a leftward stretch a space must not part words; the spaces of emoji are wide.
        has_space = leftwards and sign == " " and font.get_nominal_glyph(ord(" "))
        own_font, own_script = font if text and has_space else font_of(sign, face), script_of(sign)
        if text and (own_font is not font or (own_script and script and own_script != script)):
            yield _Run(text, font, script, leftwards)
            text, script = "", None
        text, font, script = text + sign, own_font, own_script or script  # figures are of the script they stand in
    if text:
        yield _Run(text, font, script, leftwards)
