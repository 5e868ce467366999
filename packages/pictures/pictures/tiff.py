"""The pages of a TIFF (6.0, and BigTIFF): which are whole, of what kind they are, and numbers that Pillow has not."""

import struct
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from operator import add
from typing import cast

from PIL import Image, TiffImagePlugin

from .refusals import Refused

_SIZE, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT = (256, 257), 258, 259, 262, 277, 339
_OFFSETS, _LENGTHS = (273, 324), (279, 325)  # of strips, of tiles
# All tags that pixels are decoded by, and the types of their values.
_NEEDED = {*_SIZE, *_OFFSETS, *_LENGTHS, _BITS, _COMPRESSION, 260, 261, _PHOTOMETRIC, _SAMPLES, 278, 284, 317, 320}
_NEEDED |= {322, 323, 338, _SAMPLE_FORMAT, 347}
_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q", 6: "B", 7: "B", 8: "H", 9: "I", 13: "I", 16: "Q"}
_COMPRESSIONS = {1, 2, 3, 4, 5, 6, 7, 8, 32_771, 32_773, 32_946, 34_925, 50_000}  # that Pillow's libtiff can undo
_WEBP = 50_001
_SPACES = {2: " RGB", 5: " CMYK", 6: " YCbCr", 8: " Lab"}
_UNSIGNED, _FLOAT = 1, 3
_UPPER_HALF = 1 if sys.byteorder == "little" else 0  # of a number of 32 bits, the second 16
_ROWS = 256
_MOST_ENTRIES = 65_535

Tags = dict[int, Sequence[int]]


class _CutOff(Exception):
    """A page that is not there whole; `link` is where the file says that it follows."""

    def __init__(self, link: int) -> None:
        self.link = link


def mended(data: bytes) -> bytes:
    """Return a TIFF whose chain of pages ends at the last that is there whole, if the first is.

    Raises Refused for a page in a compression that is not supported.
    """
    try:
        for number, tags in enumerate(_pages(data), 1):
            if tags.get(_COMPRESSION, (1,))[0] not in _COMPRESSIONS:
                raise Refused("unsupported-kind", kind=_kind(tags, number))
    except _CutOff as cut:
        size = 8 if _is_big(data) else 4
        if cut.link > 8:
            return b"".join((data[: cut.link], bytes(size), data[cut.link + size :]))
    return data


def kind(data: bytes, number: int = 1) -> str:
    """Return what people call the kind of a page, by its number."""
    with suppress(_CutOff):
        for tags in islice(_pages(data), number - 1, number):
            return _kind(tags, number)
    return "TIFF"


def unsigned(picture: Image.Image) -> Image.Image:
    """Return a loaded page; where it has unsigned numbers of 32 bits too large for Pillow, the upper 16 of each."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile) or picture.mode != "I":
        return picture
    tags = picture.tag_v2
    form = tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
    if (
        tuple(form) != (_UNSIGNED,)
        or tuple(tags.get(_BITS, ())) != (32,)
        or cast(tuple[int, int], picture.getextrema())[0] >= 0
    ):
        return picture
    upper = Image.new("I;16", picture.size)
    for top in range(0, picture.height, _ROWS):
        strip = picture.crop((0, top, picture.width, min(top + _ROWS, picture.height)))
        numbers = memoryview(strip.tobytes()).cast("H")[_UPPER_HALF::2]
        upper.paste(Image.frombytes("I;16", strip.size, array("H", numbers).tobytes()), (0, top))
    return upper


def _kind(tags: Tags, number: int) -> str:
    photometric, compression = tags.get(_PHOTOMETRIC, (0,))[0], tags.get(_COMPRESSION, (1,))[0]
    bits = tags.get(_BITS, (1,))
    samples = tags.get(_SAMPLES, (len(bits),))[0]
    name = f"TIFF{_SPACES.get(photometric, '')}, {samples} × {bits[0]} bit"
    if tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _FLOAT:
        name += " float"
    if compression not in _COMPRESSIONS:
        name += ", WebP" if compression == _WEBP else f", Compression {compression}"
    return name if number == 1 else f"{name} ({number})"


def _is_big(data: bytes) -> bool:
    return data[2:4] in (b"+\0", b"\0+")


def _pages(data: bytes) -> Iterator[Tags]:
    """Yield of every page in the chain the tags that its pixels are decoded by. Raises _CutOff."""
    order, big = "<" if data[:2] == b"II" else ">", _is_big(data)
    count, entry, link = (order + form for form in (("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")))
    place, seen = 8 if big else 4, set()
    try:
        (at,) = struct.unpack_from(link, data, place)
        while at and at not in seen:
            seen.add(at)
            (entries,) = struct.unpack_from(count, data, at)
            first = at + struct.calcsize(count)
            tags: Tags = {}
            for start in range(
                first, first + min(entries, _MOST_ENTRIES) * struct.calcsize(entry), struct.calcsize(entry)
            ):
                tag, type_, values, inline = struct.unpack_from(entry, data, start)
                if tag in _NEEDED and type_ in _TYPES:
                    form = f"{order}{values}{_TYPES[type_]}"
                    beside = start + struct.calcsize(entry) - len(inline)
                    if struct.calcsize(form) > len(inline):
                        (beside,) = struct.unpack_from(link, data, beside)
                    tags[tag] = struct.unpack_from(form, data, beside)
            following = first + entries * struct.calcsize(entry)
            (at,) = struct.unpack_from(link, data, following)
            for offsets, lengths in zip(_OFFSETS, _LENGTHS, strict=True):
                if max(map(add, tags.get(offsets, ()), tags.get(lengths, ())), default=0) > len(data):
                    raise _CutOff(place)
            yield tags
            place = following
    except (struct.error, OverflowError):
        raise _CutOff(place) from None
