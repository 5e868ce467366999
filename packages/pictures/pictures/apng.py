"""Animated PNG (PNG, third edition, 6.1 and 11.3.4), read and written."""

import struct
from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from itertools import chain
from typing import IO

from PIL import Image, ImageChops

from .composition import Box, Composed, Dispose, Layer, is_covered
from .formats import MAX_FRAMES
from .png import SIGNATURE, Png, chunk, chunks, head, shades

_CONTROL = struct.Struct(">IIIIIHHBB")  # fcTL
_SOURCE, _OVER = range(2)  # blend_op


def is_animated(data: bytes) -> bool:
    """Tell whether a PNG is an animation; one of a single frame, which is its still too, is none."""
    before = dict(head(data))
    animation = before.get(b"acTL", b"")
    return bool(animation) and not (animation[:4] == b"\0\0\0\1" and b"fcTL" in before)


class AnimatedPng(Composed):
    """The frames of an APNG.

    Where the picture for programs without animation is no frame, it is number 0, and `info` has `default_image`.
    The mode is that of the file where all that is ever seen is opaque, or holes in a palette; else RGBA.
    """

    format = "PNG"

    def __init__(self, data: bytes) -> None:
        """Raises SyntaxError and its kin where `data` is no APNG. Of more than MAX_FRAMES one too many is known."""
        super().__init__()
        self._ihdr = data[16:29]
        self._shared = [chunk(name, body) for name, body in head(data) if name in (b"PLTE", b"tRNS")]
        still = Png(data)
        self._size = still.size
        self.info = {name: still.info[name] for name in ("icc_profile", "dpi", "gamma", "exif") if name in still.info}
        self._layers = []
        self._places: list[tuple[int, int]] = []  # from where to where the chunks of a layer's pixels may be
        self._read(data)
        if self._beside:
            self.info["default_image"] = True
        self._mode, self._hole = self._canvas_mode(still)

    def _read(self, data: bytes) -> None:
        self._data = data
        announced, at, filled = 0, len(SIGNATURE), True
        for name, body in chunks(data):
            end = at + 12 + len(body)
            if name == b"acTL":
                announced, self.info["loop"] = struct.unpack(">II", body)
                announced = min(announced, MAX_FRAMES + 1)
            elif name == b"fcTL":
                if len(self._layers) == announced or not filled:
                    break
                self._layers.append(self._layer(body))
                self._places.append((end, end))
                filled = False
            elif name in (b"IDAT", b"fdAT") and self._layers:
                self._places[-1] = self._places[-1][0], end
                filled = True
            elif name == b"IDAT":
                self._beside = True
            at = end
        if not announced or len(self._layers) < announced or not filled:
            raise EOFError("truncated animation")

    def _layer(self, body: memoryview) -> Layer:
        _, width, height, left, top, delay, denominator, dispose, blend = _CONTROL.unpack(body)
        right, bottom = left + width, top + height
        if not (width and height and right <= self.width and bottom <= self.height and blend in (_SOURCE, _OVER)):
            raise SyntaxError("a frame that does not fit")
        box = (left, top, right, bottom)
        return Layer(box, delay * 1000 / (denominator or 100), Dispose(dispose), replaces=blend == _SOURCE)

    def _canvas_mode(self, still: Image.Image) -> tuple[str, int | None]:
        """The mode to compose in, and in that of a palette the number of a colour that is a hole."""
        covered, key = is_covered(self._layers, self.size), still.info.get("transparency")
        if still.mode == "P" and still.palette:
            alphas = key if isinstance(key, bytes) else bytes(255 * (at != key) for at in range(256))
            hole = alphas.index(0) if 0 in alphas else None
            plain = set(alphas) <= {0, 255} or all(layer.replaces for layer in self._layers)
            if plain and (covered or hole is not None):
                self._colours = still.palette.palette
                if key is not None:
                    self.info["transparency"] = key
                return "P", hole
        elif covered and key is None and still.mode in ("1", "L", "I;16", "RGB"):
            return still.mode, None
        return "RGBA", None

    def _drawn(self, at: int) -> Image.Image:
        box = self._layers[at].box if at >= 0 else (0, 0, *self.size)
        header = struct.pack(">II", box[2] - box[0], box[3] - box[1]) + self._ihdr[8:]
        start, end = self._places[at] if at >= 0 else (len(SIGNATURE), self._places[0][0])
        pixels = bytearray()
        for name, body in chunks(self._data, start, end):
            if name == b"IDAT":
                pixels += body
            elif name == b"fdAT":
                pixels += body[4:]
        parts = chunk(b"IHDR", header), *self._shared, chunk(b"IDAT", pixels), chunk(b"IEND")
        frame = Png(b"".join((SIGNATURE, *parts)))
        frame.load()
        if frame.mode == self._mode:
            return frame
        return (shades(frame) if frame.mode == "I;16" else frame).convert(self._mode)


def write(
    out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image], loop: int, default: bool, **options: object
) -> None:
    """Write `first` and the `rest`, which is gone through twice, as an animation with Pillow's `options` for a PNG.

    Where `default` says so, `first` is the picture beside the animation. All are of one size; their `info` has their
    `duration` in ms. Of each only what differs from the one before is written. No more than two are held.
    """
    kinds = [_kind(frame) for frame in chain([first], rest)]
    alike = len(set(kinds)) == 1
    mode = first.mode if alike else "RGBA" if any(transparent for *_, transparent in kinds) else "RGB"
    whole = (0, 0, *first.size)
    before: Image.Image | None = None
    sequence = 0
    for number, frame in enumerate(chain([first], rest)):
        shown = frame if frame.mode == mode else frame.convert(mode)
        beside = default and number == 0
        box = _changed(before, shown) if before else whole
        png = BytesIO()
        (shown if box == whole else shown.crop(box)).save(png, "PNG", **({} if number else options))
        parts = list(chunks(png.getvalue()))
        if number == 0:
            out.write(SIGNATURE)
            for name, body in parts:
                if name == b"IDAT":
                    break
                out.write(chunk(name, body))
            out.write(chunk(b"acTL", struct.pack(">II", len(kinds) - default, loop)))
        if not beside:
            left, top, right, bottom = box
            delay = Fraction(frame.info.get("duration", 0) / 1000).limit_denominator(65_535)
            delays = min(delay.numerator, 65_535), delay.denominator
            control = _CONTROL.pack(sequence, right - left, bottom - top, left, top, *delays, Dispose.NONE, _SOURCE)
            out.write(chunk(b"fcTL", control))
            sequence += 1
        for name, body in parts:
            if name == b"IDAT" and number == 0:
                out.write(chunk(b"IDAT", body))
            elif name == b"IDAT":
                out.write(chunk(b"fdAT", struct.pack(">I", sequence), body))
                sequence += 1
        before = None if beside else shown
    out.write(chunk(b"IEND"))


def _kind(frame: Image.Image) -> tuple[object, ...]:
    """What all frames of a file have in common, and last whether anything may be transparent."""
    palette = tuple(frame.getpalette() or ()) if frame.mode == "P" else None
    return frame.mode, palette, frame.info.get("transparency"), frame.has_transparency_data


def _changed(before: Image.Image, after: Image.Image) -> Box:
    """The box around what differs; one pixel where nothing does."""
    if after.mode not in ("L", "LA", "P", "RGB", "RGBA"):  # in which Pillow does not compare
        return (0, 0, *after.size)
    if after.mode == "P":  # of one palette: numbers are compared
        before, after = (Image.frombytes("L", frame.size, frame.tobytes()) for frame in (before, after))
    return ImageChops.difference(before, after).getbbox(alpha_only=False) or (0, 0, 1, 1)
