"""How each format is written so that the result differs from the original by its edit alone."""

import struct
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, cast

from PIL import Image, ImageChops, ImageFile, JpegImagePlugin, PngImagePlugin

Options = dict[str, Any]  # of Pillow's Image.save


class Encoder(Protocol):
    """What is to be kept of one original; made when that has been opened and not yet decoded."""

    def __init__(self, picture: ImageFile.ImageFile, data: bytes) -> None: ...

    def storable(self, frame: Image.Image) -> Image.Image:
        """Return an edited frame in a mode that the format can store."""

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        """Return how to save `first`, a storable frame, and the frames that follow it."""


class Jpeg:
    def __init__(self, picture: ImageFile.ImageFile, data: bytes) -> None:
        jpeg = cast(JpegImagePlugin.JpegImageFile, picture)
        self._tables = [jpeg.quantization[table] for _, _, _, table in jpeg.layer]
        self._sampling = JpegImagePlugin.get_sampling(jpeg)
        self._size = jpeg.size
        self._is_rgb = jpeg.layers == 3 and jpeg.info.get("adobe_transform") == 0
        self._kept = {name: jpeg.info[name] for name in ("dpi",) if name in jpeg.info}
        # Pillow sets 2 bytes a pixel aside for a progressive picture, and fails on one that needs more.
        self._kept["progressive"] = "progressive" in jpeg.info and len(data) < 1.5 * jpeg.width * jpeg.height

    def storable(self, frame: Image.Image) -> Image.Image:
        return _in_mode(frame, ("L", "RGB", "CMYK"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        kept = self._kept | {"subsampling": 0}
        if first.mode == "L":
            return kept | {"qtables": self._tables[:1]}
        if first.mode == "CMYK" or self._is_rgb:
            return kept | {"qtables": [_finest(self._tables)], "keep_rgb": self._is_rgb}
        # Half the colours of each row (4:2:2) is what Pillow cannot write for a picture laid on its side.
        if self._sampling == 2 or (self._sampling == 1 and first.size == self._size):
            kept["subsampling"] = self._sampling
        return kept | {"qtables": [self._tables[0], _finest(self._tables[1:] or self._tables)]}


class Png:
    # What says how bright and how coloured the numbers are (PNG, third edition, 11.3.2).
    _COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"sRGB", b"cICP")

    def __init__(self, picture: ImageFile.ImageFile, data: bytes) -> None:
        self._chunks = PngImagePlugin.PngInfo()
        for name, body in _png_chunks(data):
            if name in self._COLOUR_CHUNKS:
                self._chunks.add(name, body)
        self._kept = {name: picture.info[name] for name in ("dpi",) if name in picture.info}
        self._animation = {name: picture.info[name] for name in ("loop", "default_image") if name in picture.info}
        _scale_colour_key(picture, depth=data[24], colour_type=data[25])

    def storable(self, frame: Image.Image) -> Image.Image:
        if frame.mode == "1" and "transparency" in frame.info:  # its key would be written out of range
            return frame.convert("L")
        return _in_mode(frame, ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        options = self._kept | {"pnginfo": self._chunks}
        return options | self._animation | {"append_images": rest} if rest else options


class WebP:
    def __init__(self, picture: ImageFile.ImageFile, data: bytes) -> None:
        self._lossless = b"VP8 " not in set(_webp_chunks(data))
        self._animation = {name: picture.info[name] for name in ("loop", "background") if name in picture.info}

    def storable(self, frame: Image.Image) -> Image.Image:
        return _in_mode(frame, ("RGB", "RGBA"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        # Quality is effort where nothing is lost: 20 takes half the time of 80 and the files are no larger.
        options: Options = {"lossless": True, "quality": 20} if self._lossless else {"quality": 90}
        if not rest:
            return options
        frames = list(rest)
        durations = [frame.info["duration"] for frame in (first, *frames)]
        return options | self._animation | {"append_images": frames, "duration": durations, "method": 2}


class Gif:
    def __init__(self, picture: ImageFile.ImageFile, data: bytes) -> None:
        self._animation = {name: picture.info[name] for name in ("loop",) if name in picture.info}

    def storable(self, frame: Image.Image) -> Image.Image:
        return frame if frame.mode in ("P", "L") else _paletted(frame)

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        if not rest:
            return {}
        frames = list(rest)
        # Frames come composed. Where one has a hole, what is below it has to be wiped before.
        holed = any("transparency" in frame.info for frame in (first, *frames))
        return self._animation | {"append_images": frames, "disposal": 2 if holed else 1}


ENCODERS: dict[str, type[Encoder]] = {"JPEG": Jpeg, "PNG": Png, "WEBP": WebP, "GIF": Gif}


def _in_mode(frame: Image.Image, modes: tuple[str, ...]) -> Image.Image:
    if frame.mode in modes:
        return frame
    return frame.convert("RGBA" if frame.has_transparency_data and "RGBA" in modes else "RGB")


def _finest(tables: list[list[int]]) -> list[int]:
    return [min(steps) for steps in zip(*tables, strict=True)]


def _paletted(frame: Image.Image) -> Image.Image:
    """A frame in at most 256 colours, one of them a hole where need be; exact where that many suffice."""
    rgba = frame.convert("RGBA")
    solid = rgba.getchannel("A").point([0] * 128 + [255] * 128)
    rgb = Image.new("RGB", rgba.size)
    rgb.paste(rgba, mask=solid)  # colours below a hole shall take no place in the palette
    holed = solid.getextrema() != (255, 255)
    colours = rgb.quantize(255 if holed else 256, Image.Quantize.MEDIANCUT)
    if holed:
        palette = colours.getpalette() or []
        hole = len(palette) // 3
        colours.putpalette([*palette, 0, 0, 0])
        colours.paste(hole, mask=ImageChops.invert(solid))
        colours.info["transparency"] = hole
    return colours


def _scale_colour_key(picture: ImageFile.ImageFile, depth: int, colour_type: int) -> None:
    """Bring the one transparent colour of a PNG to the 8 bits that Pillow decodes its pixels to."""
    key = picture.info.get("transparency")
    if colour_type == 2 and depth == 16 and isinstance(key, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    elif colour_type == 0 and depth in (2, 4) and isinstance(key, int):
        picture.info["transparency"] = key * 255 // (2**depth - 1)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of the chunks before the pixels."""
    at = 8
    while at + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            return
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def _webp_chunks(data: bytes) -> Iterator[bytes]:
    """Names of the chunks, those within the frames of an animation too (RFC 9649)."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name
        # A frame begins with 16 bytes of its own; its chunks follow.
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
