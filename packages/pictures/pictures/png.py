"""The chunks of a PNG (PNG, third edition, 5), and what Pillow makes of them otherwise than the specification."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO

from PIL import Image, ImageChops, PngImagePlugin

from .refusals import Refused

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEPT_COLOUR = (b"cHRM", b"gAMA", b"sRGB", b"cICP")
"""What says how bright and how coloured the numbers are (11.3.2), but for the profile."""

# The chunks that a decoder goes by: those without which there is no picture, and the lengths of others.
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"fcTL", b"fdAT")
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"pHYs": 9, b"acTL": 8}
_ANCILLARY = {*_LENGTHS, b"tRNS", b"iCCP", b"eXIf"}
_LARGEST_PROFILE = 1_000_000  # bytes: of a larger one Pillow refuses the picture


def chunks(data: bytes, at: int = len(SIGNATURE), end: int | None = None) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and body of the chunks, or of those from `at` to `end`; of one that is cut off, what is there."""
    view, end = memoryview(data), len(data) if end is None else end
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, view[at + 8 : at + 8 + size]
        at += 12 + size


def head(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and body of the chunks before the pixels."""
    for name, body in chunks(data):
        if name == b"IDAT":
            return
        yield name, bytes(body)


def chunk(name: bytes, *body: bytes | bytearray | memoryview) -> bytes:
    """Return a chunk with its length and checksum."""
    whole = b"".join(body)
    return b"".join(
        (struct.pack(">I", len(whole)), name, whole, struct.pack(">I", zlib.crc32(whole, zlib.crc32(name))))
    )


def mended(data: bytes) -> bytes:
    """Return a PNG of the chunks that a decoder goes by, with an end where that is missing.

    Left out: text and time, damaged or not, and whatever is ancillary and has not its checksum or its length. Whether
    pixels are missing is for the decoder to tell. Raises Refused for the kind that the tools for iPhones make.
    """
    if data[12:16] == b"CgBI":
        raise Refused("unsupported-kind", kind="PNG (CgBI)")
    kept: bytearray | None = None  # a copy from the first chunk on that is not to stay as it is
    view, at, name = memoryview(data), len(SIGNATURE), b""
    colour_type = data[25] if len(data) > 25 else 0
    while at + 8 <= len(data) and name != b"IEND":
        size, name = struct.unpack_from(">I4s", data, at)
        body, end = view[at + 8 : at + 8 + size], at + 12 + size
        whole = end <= len(data)
        stays = whole and (name in _CRITICAL or (_is_sound(name, body, view[end - 4 : end], colour_type)))
        if not stays and kept is None:
            kept = bytearray(data[:at])
        if kept is not None and stays:
            kept += view[at:end]
        elif kept is not None and name in _CRITICAL:
            kept += chunk(name, body)
        at = end
    if name == b"IEND":
        return data if kept is None else bytes(kept)
    return (data if kept is None else bytes(kept)) + chunk(b"IEND")


def _is_sound(name: bytes, body: memoryview, checksum: memoryview, colour_type: int) -> bool:
    """Whether a decoder goes by an ancillary chunk, and can."""
    usable = name in _ANCILLARY and _is_usable(name, body, colour_type)
    return usable and zlib.crc32(body, zlib.crc32(name)).to_bytes(4, "big") == checksum


def _is_usable(name: bytes, body: memoryview, colour_type: int) -> bool:
    if name == b"tRNS":
        return {0: len(body) == 2, 2: len(body) == 6, 3: 0 < len(body) <= 256}.get(colour_type, False)
    if name == b"iCCP":
        profile = bytes(body).partition(b"\0")[2]
        inflated = zlib.decompressobj()
        try:
            return profile[:1] == b"\0" and bool(inflated.decompress(profile[1:], _LARGEST_PROFILE)) and inflated.eof
        except zlib.error:
            return False
    return name == b"eXIf" or _LENGTHS[name] == len(body)


class Png(PngImagePlugin.PngImageFile):
    """A still whose one transparent colour is as Pillow's other functions take it once it is loaded.

    Pillow decodes 2- and 4-bit grey to 8 bits and RGB of 16 to 8, and leaves the colour as the file has it. Of RGB only
    what has all 16 bits of the colour is transparent: that becomes an alpha channel.
    """

    def __init__(self, data: bytes) -> None:
        """Raises SyntaxError and its kin where `data` is no PNG."""
        self._data = data
        super().__init__(BytesIO(data))
        depth, colour_type, key = data[24], data[25], self.info.get("transparency")
        self._wide_key = key if colour_type == 2 and depth == 16 else None
        if colour_type == 0 and depth in (2, 4) and isinstance(key, int):
            self.info["transparency"] = key * 255 // (2**depth - 1)

    def load_end(self) -> None:
        super().load_end()
        if not self._wide_key:
            return
        key, self._wide_key = self._wide_key, None
        high, low = self._new(self.im), PngImagePlugin.PngImageFile(BytesIO(self._data))
        low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]  # of the big-endian numbers the other bytes
        differs = ImageChops.lighter(
            _differs(high, [value >> 8 for value in key]), _differs(low, [value & 255 for value in key])
        )
        high.putalpha(differs)
        self.im, self._mode = high.im, "RGBA"
        del self.info["transparency"]


def _differs(picture: Image.Image, colour: Sequence[int]) -> Image.Image:
    """A mask of 255 where a pixel of RGB is not of that colour."""
    masks = [
        band.point([255 * (value != wanted) for value in range(256)])
        for band, wanted in zip(picture.split(), colour, strict=True)
    ]
    return ImageChops.lighter(ImageChops.lighter(masks[0], masks[1]), masks[2])


def shades(frame: Image.Image) -> Image.Image:
    """Return grey of 16 bits (mode I;16) in 8, in mode LA where one shade is transparent."""
    low, high = Image.frombytes("LA", frame.size, frame.tobytes()).split()
    key = frame.info.get("transparency")
    if not isinstance(key, int):
        return high
    masks = [
        band.point([255 * (value != wanted) for value in range(256)])
        for band, wanted in ((high, key >> 8), (low, key & 255))
    ]
    return Image.merge("LA", (high, ImageChops.lighter(*masks)))
