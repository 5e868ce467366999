"""Text layout in any script: line breaking, bidirectional order, shaping and rendering."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import bidirectional

import uharfbuzz as hb
from PIL import Image

from .fonts import EM, font_for, script_of
from .names import extension_length, truncate_middle

Graphemes = Sequence[str]
_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_BREAKS = re.compile(r"[\s_\-–)\]\u3000-\u9fff\uac00-\ud7a3]")  # a line may break after these


@dataclass(frozen=True)
class Glyph:
    """A glyph of a font, and its position on the line: `x` and `y` in 1/EM of the font size."""

    font: hb.Font
    number: int
    x: int
    y: int


@dataclass(frozen=True)
class Line:
    width: int  # in 1/EM of the font size
    glyphs: tuple[Glyph, ...]


@dataclass(frozen=True)
class _Run:
    """Consecutive graphemes with the same font, script and direction."""

    text: str
    font: hb.Font
    script: str | None
    is_rtl: bool


def layout(name: Graphemes, width: int, max_lines: int, face: int) -> list[Line] | None:
    """Break `name` into at most `max_lines` lines of `width` (1/EM of the font size).

    If needed, it is truncated in the middle. Return None if not even its first grapheme and its extension fit.
    """
    lines = _break_lines(tuple(name), width, max_lines, face)
    if lines:
        return lines
    fit, least, limit = None, extension_length(name) + 1, len(name)
    while least < limit:  # binary search for the most graphemes that fit
        kept = (least + limit) // 2
        lines = _break_lines(tuple(truncate_middle(name, kept)), width, max_lines, face)
        if lines:
            fit, least = lines, kept + 1
        else:
            limit = kept
    return fit


def render(lines: Sequence[Line], size: float, width: int, height: int, line_height: float) -> Image.Image:
    """Return a mask of `width` × `height` pixels with the lines centred in it. `size` and `line_height` are in pixels.

    Parts outside the mask, such as stacked accents, are clipped.
    """
    raster = hb.RasterDraw()
    raster.extents = hb.RasterExtents(0, 0, width, height)
    scale = size / EM
    # Letters without descenders are 0.714 em high; their middle is the optical middle of the line.
    lowest = height / 2 - 0.34 * size - line_height * (len(lines) - 1) / 2
    for number, line in enumerate(reversed(lines)):
        left, baseline = (width - line.width * scale) / 2, round(lowest + number * line_height)
        for glyph in line.glyphs:
            raster.transform = (scale, 0, 0, scale, left + glyph.x * scale, baseline + glyph.y * scale)
            raster.draw_glyph(glyph.font, glyph.number)
    image = raster.render()
    assert image is not None
    rows_upwards = -1
    return Image.frombytes("L", (width, height), image.buffer, "raw", "L", image.extents.stride, rows_upwards)


def _break_lines(name: tuple[str, ...], width: int, max_lines: int, face: int) -> list[Line] | None:
    """Break `name` into at most `max_lines` lines; return None if it needs more."""
    lines: list[Line] = []
    while name and len(lines) < max_lines:
        end = _fitting(name, width, face)
        if end < len(name):
            last = max((at for at in range(1, end + 1) if _BREAKS.match(name[at - 1])), default=0)
            end = last if 2 * last >= end else end
        lines.append(_shape(_strip(name[:end]), face))
        name = _strip(name[end:]) if end else name
        if not end:
            return None
    return None if name else lines


def _strip(name: tuple[str, ...]) -> tuple[str, ...]:
    start = 1 if name[:1] == (" ",) else 0
    return name[start : len(name) - 1 if name[-1:] == (" ",) else None]


def _fitting(name: tuple[str, ...], width: int, face: int) -> int:
    """How many of the first graphemes fit into `width`."""
    fits, limit = 0, len(name) + 1
    while fits + 1 < limit:
        tried = (fits + limit) // 2
        if _shape(name[:tried], face).width <= width:
            fits = tried
        else:
            limit = tried
    return fits


@lru_cache(64)
def _shape(name: tuple[str, ...], face: int) -> Line:
    x, glyphs = 0, []
    for run in _visual_runs(name, face):
        buffer = hb.Buffer()
        buffer.add_str(run.text)
        if run.script:
            buffer.script = run.script
        buffer.guess_segment_properties()
        buffer.direction = "rtl" if run.is_rtl else "ltr"
        hb.shape(run.font, buffer)
        for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            glyphs.append(Glyph(run.font, info.codepoint, x + place.x_offset, place.y_offset))
            x += place.x_advance
    return Line(x, tuple(glyphs))


def _visual_runs(name: tuple[str, ...], face: int) -> Iterator[_Run]:
    """Yield the runs of a line in visual order, from left to right.

    The paragraph direction is left to right, as in file managers, with right-to-left stretches for Hebrew and Arabic.
    These are the rules of UAX #9 for a paragraph of level 0 without embeddings, except that separators between numbers
    stay with them.
    """
    kinds = "".join(map(_bidi_class, name))
    at = 0
    for found in re.finditer("R(?:[^L]*[RN])?", kinds):
        start, end = found.span()
        if start < at:
            continue
        while end < len(name) and name[end] in _closing_bracket(name[start:end]):
            end += 1
        yield from _runs(name[at:start], face, is_rtl=False)
        parts = list(re.finditer("N(?:[CN]*N)?|[^N]+", kinds[start:end]))
        for part in reversed(parts):
            graphemes = name[start + part.start() : start + part.end()]
            is_rtl = not part[0].startswith("N")
            yield from reversed(list(_runs(graphemes, face, is_rtl))) if is_rtl else _runs(graphemes, face, is_rtl)
        at = end
    yield from _runs(name[at:], face, is_rtl=False)


def _bidi_class(grapheme: str) -> str:
    """L: left to right; R: right to left; N: number; C: number separator; a space: neutral."""
    kinds = {"L": "L", "R": "R", "AL": "R", "EN": "N", "AN": "N", "CS": "C", "ES": "C"}
    return kinds.get(bidirectional(grapheme[0]), " ")


def _closing_bracket(graphemes: Graphemes) -> set[str]:
    """The bracket that closes the last open one in `graphemes`, as a set; empty if none is open."""
    open_brackets: list[str] = []
    for grapheme in graphemes:
        if grapheme in _BRACKETS:
            open_brackets.append(_BRACKETS[grapheme])
        elif open_brackets and grapheme == open_brackets[-1]:
            open_brackets.pop()
    return set(open_brackets[-1:])


def _runs(name: tuple[str, ...], face: int, is_rtl: bool) -> Iterator[_Run]:
    text, font, script = "", font_for("", face), None
    for grapheme in name:
        # In a right-to-left stretch a space must not split the run; the spaces of the emoji font are too wide.
        has_space = is_rtl and grapheme == " " and font.get_nominal_glyph(ord(" "))
        own_font, own_script = font if text and has_space else font_for(grapheme, face), script_of(grapheme)
        if text and (own_font is not font or (own_script and script and own_script != script)):
            yield _Run(text, font, script, is_rtl)
            text, script = "", None
        text, font, script = text + grapheme, own_font, own_script or script  # digits take the script around them
    if text:
        yield _Run(text, font, script, is_rtl)
