"""How each format is written so that the result differs from the original by its edit alone."""

import math
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import chain, product
from typing import IO, Any, cast

from PIL import ExifTags, Image, ImageChops, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from . import apng, bmp, boxes, colour, fidelity, lossless, png, webp
from .profiles import fitting
from .turns import REVERSES_COLUMNS, REVERSES_ROWS, Turn

_MOST_COEFFICIENTS = 300_000_000  # bytes: 50 megapixels of 4:2:0 that are turned
_MOST_PROGRESSIVE = 16_000_000  # pixels
_MOST_GROWTH = 1.3  # of a JPEG, if it can be

Options = dict[str, Any]  # of Pillow's Image.save
Info = dict[str | tuple[int, int], Any]  # of Pillow's Image.info


class Encoder(ABC):
    """What is to be kept of one original; made when that has been opened and not yet decoded."""

    form: str
    """What is written, as Pillow calls it."""

    @abstractmethod
    def __init__(self, picture: Image.Image, data: bytes) -> None: ...

    def kept(self, picture: Image.Image) -> Info:
        """Return what of the information on the frame that has been loaded `save` has to find there again."""
        return {name: picture.info[name] for name in ("icc_profile",) if name in picture.info}

    def displayed(self, frame: Image.Image) -> Image.Image:
        """Return a frame, before its edit, in colours that the format can tell."""
        return frame

    @abstractmethod
    def storable(self, frame: Image.Image) -> Image.Image:
        """Return an edited frame in a mode that the format can store."""

    @abstractmethod
    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        """Return how to save `first`, a storable frame, and the frames that follow it."""

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        """Write the frames, which are storable, with their profile."""
        options = self.options(first, rest) | {"icc_profile": first.info.get("icc_profile")}
        first.save(out, self.form, save_all=bool(rest), **options)


class Jpeg(Encoder):
    form = "JPEG"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        jpeg = cast(JpegImagePlugin.JpegImageFile, picture)
        self._data = data
        self._mode, self._profile = jpeg.mode, jpeg.info.get("icc_profile")
        self._tables = [jpeg.quantization[table] for _, _, _, table in jpeg.layer]
        self._sampling = JpegImagePlugin.get_sampling(jpeg)
        self._layers = [(across, down) for _, across, down, _ in jpeg.layer]
        self._size = jpeg.size
        self._is_rgb = jpeg.layers == 3 and jpeg.info.get("adobe_transform") == 0
        self._kept = {name: jpeg.info[name] for name in ("dpi",) if name in jpeg.info}
        self._progressive = "progressive" in jpeg.info
        self._moved, self._changed = False, True

    def turned(self, turn: Turn | None, changed: bool) -> None:
        """Note how the frame to be saved will have been turned, and whether it will have been changed besides.

        Blocks that the edge of the original cuts would have to begin the rows of the turned one: all others move.
        """
        (across, down), (width, height) = self._layers[0], self._size
        self._moved = (turn in REVERSES_ROWS and width % (8 * across) > 0) or (
            turn in REVERSES_COLUMNS and height % (8 * down) > 0
        )
        self._changed = changed

    def transformed(self, turn: Turn | None, grey: bool) -> bytes | None:
        """Return the original turned, in grey where `grey` says so, without loss; None where that cannot be."""
        (across, down), layers = self._layers[0], len(self._layers)
        samples = sum(a * d for a, d in self._layers) * math.prod(self._size) / (across * down)
        usual = (across, down) == tuple(max(factors) for factors in zip(*self._layers, strict=True))
        good = layers == 1 or (layers == 3 and usual)
        # Of each sample a coefficient of 2 bytes is held, and where it goes another.
        if not good or samples * (2 if turn is None else 4) > _MOST_COEFFICIENTS:
            return None
        done = lossless.transformed(self._data, turn, grey and layers == 3, self._progressive)
        profile = fitting(self._profile, "L" if grey else self._mode)
        return done and _with_profile(_with_resolution(done, self._kept.get("dpi")), profile)

    def storable(self, frame: Image.Image) -> Image.Image:
        return _in_mode(frame, ("L", "RGB", "CMYK"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        # Pillow sets 2 bytes a pixel aside for a progressive picture, and fails on one that needs more; libjpeg holds
        # up to 8 a pixel, which is too much for a large one.
        pixels = math.prod(self._size)
        small = len(self._data) < 1.5 * pixels and pixels < _MOST_PROGRESSIVE
        kept = self._kept | {"progressive": small and self._progressive, "subsampling": 0}
        if first.mode == "L":
            return kept | {"qtables": self._tables[:1]}
        if first.mode == "CMYK" or self._is_rgb:
            return kept | {"qtables": [_finest(self._tables)], "keep_rgb": self._is_rgb}
        # Half the colours of each row (4:2:2) is what Pillow cannot write for a picture laid on its side.
        if self._sampling == 2 or (self._sampling == 1 and first.size == self._size):
            kept["subsampling"] = self._sampling
        return kept | {"qtables": [self._tables[0], _finest(self._tables[1:] or self._tables)]}

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        if self._changed and not self._moved:  # what is not changed is in the blocks of before, and loses nothing
            super().save(out, first, rest)
            return
        usual = self.options(first, rest) | {"icc_profile": first.info.get("icc_profile")}
        budget = math.inf if self._changed else _MOST_GROWTH * len(self._data)
        out.write(fidelity.encoded(first, usual, {usual["subsampling"], 0}, budget))


class Png(Encoder):
    form = "PNG"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        self._chunks = PngImagePlugin.PngInfo()
        for name, body in png.head(data):
            if name in png.KEPT_COLOUR:
                self._chunks.add(name, body)
        self._kept = {name: picture.info[name] for name in ("dpi",) if name in picture.info}
        self._loop, self._default = picture.info.get("loop", 0), picture.info.get("default_image", False)

    def storable(self, frame: Image.Image) -> Image.Image:
        if frame.mode == "1" and "transparency" in frame.info:  # its key would be written out of range
            return frame.convert("L")
        return _in_mode(frame, ("1", "L", "LA", "I;16", "P", "RGB", "RGBA"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        return self._kept | {"pnginfo": self._chunks}

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        if not rest:
            super().save(out, first, rest)
            return
        options = self.options(first, rest) | {"icc_profile": first.info.get("icc_profile")}
        apng.write(out, first, rest, loop=self._loop, default=self._default, **options)


class WebP(Encoder):
    form = "WEBP"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
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

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        done = BytesIO()
        super().save(done, first, rest)
        out.write(webp.with_room_clear(done.getvalue()))


class Gif(Encoder):
    form = "GIF"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        self._animation = {name: picture.info[name] for name in ("loop",) if name in picture.info}

    def storable(self, frame: Image.Image) -> Image.Image:
        return frame if frame.mode in ("P", "L") else _paletted(frame)

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        if not rest:
            return {}
        frames = list(rest)
        options = self._animation | {"append_images": frames, "disposal": 1}
        if _colour_holes([first, *frames]):
            # Frames come composed: what is below a hole has to be wiped before. To wipe, Pillow's writer goes by the
            # number of the first frame's hole, which optimizing would change.
            options |= {"disposal": 2, "optimize": False}
        return options


class Avif(Encoder):
    form = "AVIF"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        self._points = colour.code_points(picture, data)
        self._sampling = boxes.properties(data).sampling

    def storable(self, frame: Image.Image) -> Image.Image:
        return _in_mode(frame, ("L", "RGB", "RGBA"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        # Speed 10 of 10: half the time of 8, for files that are a fifth larger. There is a worker on every core.
        options: Options = {"quality": 90, "speed": 10, "max_threads": 1, "subsampling": self._sampling}
        if not rest:
            return options
        frames = list(rest)
        durations = [frame.info["duration"] for frame in (first, *frames)]
        return options | {"append_images": frames, "duration": durations}

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        if not self._points or self._points.is_srgb:
            super().save(out, first, rest)
            return
        done = BytesIO()
        super().save(done, first, rest)
        out.write(boxes.with_code_points(done.getvalue(), self._points.primaries, self._points.transfer))


class Bmp(Encoder):
    form = "BMP"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        self._kept = {name: picture.info[name] for name in ("dpi",) if name in picture.info}

    def storable(self, frame: Image.Image) -> Image.Image:
        return _in_mode(frame, ("1", "L", "P", "RGB", "RGBA"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        return self._kept

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        if first.mode == "RGBA":
            bmp.write(out, first, **self._kept)
        else:
            super().save(out, first, rest)


_TIFF_MODES = ("1", "L", "LA", "P", "PA", "I", "I;16", "I;16B", "F", "RGB", "RGBA", "CMYK", "LAB")
# By Pillow's name: the modes that can be compressed so. What is not here is deflated.
_TIFF_COMPRESSIONS: dict[str, tuple[str, ...]] = {
    "raw": _TIFF_MODES,
    "packbits": _TIFF_MODES,
    "tiff_lzw": _TIFF_MODES,
    "jpeg": ("L", "RGB", "CMYK"),
    "group3": ("1",),
    "group4": ("1",),
    "tiff_ccitt": ("1",),
}


class Tiff(Encoder):
    form = "TIFF"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        pass

    def kept(self, picture: Image.Image) -> Info:
        # What a page does not say, Pillow answers from the page before, and a resolution from nothing.
        tags = cast(TiffImagePlugin.TiffImageFile, picture).tag_v2
        names = {"compression": ExifTags.Base.Compression, "dpi": ExifTags.Base.XResolution}
        names |= {"icc_profile": ExifTags.Base.InterColorProfile}
        return {name: picture.info[name] for name, tag in names.items() if tag in tags and name in picture.info}

    def storable(self, frame: Image.Image) -> Image.Image:
        stored = _in_mode(frame, _TIFF_MODES)
        # A picture that came from a TIFF would take its tags along.
        return stored.copy() if isinstance(stored, TiffImagePlugin.TiffImageFile) else stored

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        kept = {name: first.info[name] for name in ("dpi", "icc_profile") if first.info.get(name)}
        compression = first.info.get("compression", "raw")
        if first.mode not in _TIFF_COMPRESSIONS.get(compression, ()):
            compression = "tiff_adobe_deflate"
        return kept | {"compression": compression} | ({"quality": 90} if compression == "jpeg" else {})

    def save(self, out: IO[bytes], first: Image.Image, rest: Iterable[Image.Image]) -> None:
        """Write page by page: of all pages at once Pillow would make a list."""
        with TiffImagePlugin.AppendingTiffWriter(out) as pages:
            for frame in chain([first], rest):
                # Of this mode Pillow would write a page in the other byte order, unlike the pages beside it.
                page = frame.convert("I").convert("I;16") if rest and frame.mode == "I;16B" else frame
                page.save(pages, self.form, **self.options(page, ()))
                pages.newFrame()


class Heif(Encoder):
    """HEIC, which browsers cannot show: JPEG is written."""

    form = "JPEG"

    def __init__(self, picture: Image.Image, data: bytes) -> None:
        self._points = colour.code_points(picture, data)
        self._sampling = {444: 0, 422: 1}.get(picture.info.get("chroma", 420), 2)

    def kept(self, picture: Image.Image) -> Info:
        if not self._points or self._points.is_srgb:
            return super().kept(picture)
        return {"icc_profile": colour.display_p3() if self._points.is_hdr else self._points.profile()}

    def displayed(self, frame: Image.Image) -> Image.Image:
        if self._points and self._points.is_hdr:
            return colour.converted(frame, self._points.profile(), colour.display_p3())
        return frame

    def storable(self, frame: Image.Image) -> Image.Image:
        if frame.mode in ("LA", "RGBA"):
            ground = Image.new(frame.mode, frame.size, "white")
            ground.alpha_composite(frame)
            frame = ground.convert(frame.mode.removesuffix("A"))
        return _in_mode(frame, ("L", "RGB"))

    def options(self, first: Image.Image, rest: Iterable[Image.Image]) -> Options:
        return {"quality": 90, "subsampling": self._sampling}


ENCODERS: dict[str, type[Encoder]] = {
    "JPEG": Jpeg,
    "PNG": Png,
    "WEBP": WebP,
    "GIF": Gif,
    "AVIF": Avif,
    "HEIF": Heif,
    "TIFF": Tiff,
    "BMP": Bmp,
}


def _in_mode(frame: Image.Image, modes: tuple[str, ...]) -> Image.Image:
    if frame.mode in modes:
        return frame
    return frame.convert("RGBA" if frame.has_transparency_data and "RGBA" in modes else "RGB")


def _with_resolution(jpeg: bytes, dpi: tuple[float, float] | None) -> bytes:
    """A JPEG as TurboJPEG writes it, with its density where that has a place (JFIF 1.02; unit 1: pixels an inch)."""
    if not dpi or jpeg[2:4] != b"\xff\xe0":
        return jpeg
    return jpeg[:13] + struct.pack(">BHH", 1, *(min(max(round(d), 1), 0xFFFF) for d in dpi)) + jpeg[18:]


def _with_profile(jpeg: bytes, profile: bytes | None) -> bytes:
    """A JPEG without a profile, with one: in chunks behind the first marker (ICC.1:2022, B.4)."""
    if not profile:
        return jpeg
    at = 20 if jpeg[2:4] == b"\xff\xe0" else 2
    chunks = [profile[start : start + 65_519] for start in range(0, len(profile), 65_519)]
    segments = [
        struct.pack(">HH12sBB", 0xFFE2, 16 + len(chunk), b"ICC_PROFILE", number, len(chunks)) + chunk
        for number, chunk in enumerate(chunks, 1)
    ]
    return b"".join((jpeg[:at], *segments, jpeg[at:]))


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


def _colour_holes(frames: list[Image.Image]) -> bool:
    """Give the holes of the frames of a GIF one colour that nothing else has; tell whether there are any.

    Pillow's writer leaves out the margin of a frame that has the colour of a hole, be it one or not.
    """
    if not any("transparency" in frame.info for frame in frames):
        return False
    for frame in frames:
        if frame.mode == "L":
            frame.putpalette([value // 3 for value in range(768)])
        colours = len(frame.getpalette() or []) // 3
        if "transparency" not in frame.info and colours < 256:  # to wipe this frame a hole is needed, too
            frame.info["transparency"] = colours
    holed = [frame for frame in frames if "transparency" in frame.info]
    palettes = [frame.getpalette() or [] for frame in frames]
    taken = {tuple(palette[at : at + 3]) for palette in palettes for at in range(0, len(palette), 3)}
    unseen = next(colour for colour in product(range(256), repeat=3) if colour not in taken)
    for frame in holed:
        hole = 3 * frame.info["transparency"]
        palette = (frame.getpalette() or []) + [0] * (hole + 3)
        frame.putpalette([*palette[:hole], *unseen, *palette[hole + 3 : 768]])
    return True


def _webp_chunks(data: bytes) -> Iterator[bytes]:
    """Names of the chunks, those within the frames of an animation too (RFC 9649)."""
    at = 12
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        yield name
        # A frame begins with 16 bytes of its own; its chunks follow.
        at += 8 + (16 if name == b"ANMF" else size + size % 2)
