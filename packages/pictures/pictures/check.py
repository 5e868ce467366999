"""Whether bytes are a picture that the suite accepts: by what they decode to, never by name or declared type."""

import math
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from . import gif, tiff
from .apng import AnimatedPng, is_animated
from .bmp import Bmp
from .formats import ACCEPTED, FORMATS, MAX_FRAMES, Format, format_named, looks_like
from .jpeg import UnendedJpeg
from .memory import NoRoom
from .png import Png
from .refusals import Refused
from .repairs import mended

Room = Callable[[bool], AbstractContextManager[object]]
"""Holds the room for a picture (memory.py); told whether that should be the only one."""

# What often comes dressed as a picture: how its bytes begin, and what people call it.
_FOREIGN = (
    (rb"%PDF", "PDF"),
    (rb"PK\x03\x04", "ZIP"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml.*?)?(<!--.*?-->\s*|<!DOCTYPE svg.*?>\s*)*<svg", "SVG"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype html|html|head|body|script)", "HTML"),
    (rb"....ftyp", "MP4"),
    (rb"\0\0\x01\0", "ICO"),
    (rb"8BPS", "PSD"),
)

# How Pillow says that it can read the headers of a TIFF and not its pixels, and the like of a BMP.
_UNSUPPORTED_TIFF = ("unknown pixel mode", "unknown data organization")
_UNSUPPORTED = "Unsupported "

_MOST_PIXELS = 178_956_970  # Pillow's own ceiling
_LARGE = 200e6  # bytes; two pictures of that size and their processes fit into 600 MB


@dataclass(frozen=True)
class Limits:
    """What a file may measure: `megabytes` (1e6 bytes) and `megapixels` (1e6 pixels, all frames counted).

    A format may have a lower cap of pixels of its own; Pillow's own ceiling, 178 megapixels, stays above both.
    """

    megabytes: float = 20
    megapixels: float = 50

    @property
    def bytes(self) -> int:
        return int(self.megabytes * 1e6)


@dataclass(frozen=True)
class Checked:
    """A picture that is accepted: Pillow's name of its format, the extension to store it under, its width and height
    in pixels as stored (before its orientation is applied), its frames and the pixels of them all."""

    format: str
    extension: str
    width: int
    height: int
    frames: int
    pixels: int

    @property
    def is_large(self) -> bool:
        """Whether an edit takes so much memory that it should be the only one."""
        return is_large(self.format, self.pixels)


def is_large(form: str | None, pixels: int) -> bool:
    """Tell whether a picture of so many pixels, of the format that Pillow calls so, should be the only one."""
    return pixels * format_named(form).bytes_per_pixel > _LARGE


def check(source: Path | str | bytes, limits: Limits, room: Room = nullcontext) -> Checked:
    """Return what the picture is, having decoded every frame of it whole, in its room.

    `source` is a path, or the bytes themselves. Pixels are counted from headers, before anything of that
    size is allocated. Raises Refused; OSError when the file itself cannot be read, and NoRoom as `room` does.
    """
    data = source if isinstance(source, bytes) else _read(Path(source), limits)
    _weigh(data, limits)
    with opened(data) as (picture, _):
        checked = _inspected(picture, limits)
        with room(checked.is_large):
            for frame in range(checked.frames):
                if checked.frames > 1:
                    picture.seek(frame)
                picture.load()
        return checked


def inspect(data: bytes, limits: Limits) -> Checked:
    """Return what the headers say the picture is, decoding as little as that takes. Raises Refused."""
    _weigh(data, limits)
    with opened(data) as (picture, _):
        return _inspected(picture, limits)


@contextmanager
def opened(data: bytes) -> Iterator[tuple[Image.Image, bytes]]:
    """Open the picture in `data` for the block: the picture, and the bytes mended (repairs.py) that it is read from.

    Whatever they make Pillow raise there becomes Refused.
    """
    with decoding():
        if not data:
            raise Refused("empty")
        sound = mended(data)
        try:
            with _opened(sound, was_cut=sound is not data) as picture:
                yield picture, sound
        except UnidentifiedImageError as error:
            raise _unidentified(data) from error
        except (SyntaxError, OSError) as error:
            if str(error) in _UNSUPPORTED_TIFF:
                raise Refused("unsupported-kind", kind=tiff.kind(sound)) from error
            if str(error).startswith(_UNSUPPORTED):
                raise Refused("unsupported-kind", kind=str(error).removeprefix(_UNSUPPORTED)) from error
            raise


def _opened(data: bytes, was_cut: bool) -> Image.Image:
    picture: Image.Image
    if looks_like(FORMATS["JPEG"], data) and was_cut:
        return UnendedJpeg(data)
    if looks_like(FORMATS["PNG"], data):
        picture = AnimatedPng(data) if is_animated(data) else Png(data)
    elif looks_like(FORMATS["BMP"], data):
        picture = Bmp(data)
    elif looks_like(FORMATS["GIF"], data):
        picture = gif.opened(data)
    elif looks_like(FORMATS["TIFF"], data):
        picture = TiffImagePlugin.TiffImageFile(BytesIO(data))
    else:
        return Image.open(BytesIO(data), formats=_plugins(data))
    pixels = math.prod(picture.size)
    if pixels > _MOST_PIXELS:
        raise Image.DecompressionBombError(f"{pixels} pixels")
    return picture


@contextmanager
def decoding() -> Iterator[None]:
    """Turn what Pillow raises for the bytes of a picture into Refused.

    Its decoders raise nearly anything for hostile bytes (OSError, SyntaxError, ValueError, struct.error, …), so
    nothing that touches a file system belongs in the block but a room, which raises NoRoom alone. Its complaints about
    tags of TIFF and EXIF are kept quiet.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    except (Refused, NoRoom):
        raise
    except MemoryError as error:
        raise Refused("out-of-memory") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"(\d+) pixels", str(error))
        raise _too_many_pixels(int(pixels[1]) if pixels else 0, None, 178.9) from error
    except Exception as error:
        cut_short = isinstance(error, EOFError | IndexError) or "truncated" in str(error).lower()
        raise Refused("truncated" if cut_short else "damaged") from error


def _plugins(data: bytes) -> list[str]:
    """The formats to try; libheif, 30 MB of libraries, is loaded for what looks like its own."""
    if not looks_like(FORMATS["HEIF"], data):
        return [name for name in FORMATS if name != "HEIF"]
    import pillow_heif  # noqa: PLC0415

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    return ["AVIF", "HEIF"]  # of the brand mif1 there are both


def _read(path: Path, limits: Limits) -> bytes:
    with path.open("rb") as file:
        return file.read(limits.bytes + 1)  # one byte more than allowed is enough to be refused


def _weigh(data: bytes, limits: Limits) -> None:
    if len(data) > limits.bytes:
        raise Refused("too-large", limit=limits.megabytes)


def _inspected(picture: Image.Image, limits: Limits) -> Checked:
    form = format_named(picture.format)
    width, height = picture.size
    frames, pixels = 1, width * height
    _allow(picture.size, frames, pixels, form, limits)
    if form.name in ("GIF", "TIFF"):
        # No header says how many frames there are, and a later one may be larger than the first.
        with suppress(EOFError):
            while True:
                picture.seek(frames)
                frames += 1
                pixels += picture.width * picture.height
                _allow(picture.size, frames, pixels, form, limits)
        picture.seek(0)
    elif form.many:
        frames = cast(int, getattr(picture, "n_frames", 1))
        pixels *= frames
        _allow(picture.size, frames, pixels, form, limits)
    return Checked(form.name, form.extension, width, height, frames, pixels)


def _allow(size: tuple[int, int], frames: int, pixels: int, form: Format, limits: Limits) -> None:
    width, height = size
    if max(size) > form.max_side:
        raise Refused("too-long-a-side", width=width, height=height, limit=form.max_side)
    limit = min(limits.megapixels, form.megapixels if frames == 1 else form.animated_megapixels)
    if pixels > limit * 1e6:
        raise _too_many_pixels(pixels, form, limit)
    if frames > MAX_FRAMES:
        raise Refused("too-many-frames", limit=MAX_FRAMES)


def _too_many_pixels(pixels: int, form: Format | None, limit: float) -> Refused:
    kind = form.label if form else ACCEPTED
    return Refused("too-many-pixels", megapixels=round(pixels / 1e6, 1), kind=kind, limit=limit)


def _unidentified(data: bytes) -> Refused:
    if any(looks_like(form, data) for form in FORMATS.values()):
        return Refused("damaged")
    for pattern, kind in _FOREIGN:
        if re.match(pattern, data[:1024], re.IGNORECASE | re.DOTALL):
            return Refused("unsupported-format", kind=kind, accepted=ACCEPTED)
    return Refused("not-an-image", accepted=ACCEPTED)
