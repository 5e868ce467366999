"""The markers of a JPEG (ITU-T T.81, annex B): its kind, and whether its end is all that is missing."""

import re
import struct
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from PIL import JpegImagePlugin

from .refusals import Refused

_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]", re.DOTALL)  # neither a byte of 255 nor a restart
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF
_SUPPORTED = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # sequential and progressive, by Huffman's code or arithmetic
_PROGRESSIVE = {0xC2, 0xCA}
_ALL_BITS = 16
_FILLER = b"\xaa\x4d\x33\x92" * 1024
_TRUNCATED = "image file is truncated"


@dataclass
class _Kind:
    frame: int = 0  # of which SOF it is
    bits: int = 8
    ended: bool = False
    left: dict[int, list[int]] = field(default_factory=dict)
    """Of a progressive one by component: how many bits of each of the 64 coefficients are still to come."""


def mended(data: bytes) -> bytes:
    """Return a JPEG with its end marker, where that is missing. Raises Refused where its kind is not supported."""
    kind = _kind(data)
    if kind.frame and kind.frame not in _SUPPORTED:
        number = kind.frame - 0xC0
        raise Refused("unsupported-kind", kind="JPEG lossless (SOF3)" if number == 3 else f"JPEG (SOF{number})")
    if kind.bits != 8:
        raise Refused("unsupported-kind", kind=f"JPEG ({kind.bits} bit)")
    return data if kind.ended or not kind.frame else data.removesuffix(b"\xff") + _END


class UnendedJpeg(JpegImagePlugin.JpegImageFile):
    """A JPEG that lacked its end marker: loaded only if it has all its pixels.

    libjpeg takes zeros for what is missing and tells nobody. So other bytes are put there, too: where they change
    nothing, nothing was missing.
    """

    def __init__(self, data: bytes) -> None:
        """`data` has the end marker. Raises SyntaxError and its kin where it is no JPEG, OSError where it is cut."""
        self._data: bytes | None = data
        if any(any(left) for left in _kind(data.removesuffix(_END)).left.values()):
            raise OSError(_TRUNCATED)
        super().__init__(BytesIO(data))

    def load(self) -> Any:
        data, self._data = self._data, None
        if data and _checksum(data) != _checksum(data.removesuffix(_END) + _FILLER + _END):
            raise OSError(_TRUNCATED)
        return super().load()


def _checksum(data: bytes) -> int:
    """Of the pixels."""
    with JpegImagePlugin.JpegImageFile(BytesIO(data)) as picture:
        picture.load()
        checksum = 0
        for top in range(0, picture.height, 256):
            strip = picture.crop((0, top, picture.width, min(top + 256, picture.height)))
            checksum = zlib.crc32(strip.tobytes(), checksum)
        return checksum


def _kind(data: bytes) -> _Kind:
    kind, at = _Kind(), 2
    while not kind.ended and (found := _MARKER.search(data, at)):
        marker, at = data[found.end() - 1], found.end()
        kind.ended = marker == 0xD9
        if marker in (0x01, 0xD8, 0xD9) or at + 2 > len(data):
            continue
        (size,) = struct.unpack_from(">H", data, at)
        body = data[at + 2 : at + size]
        if marker in _FRAMES and not kind.frame and len(body) >= 6:
            kind.frame, kind.bits = marker, body[0]
            if marker in _PROGRESSIVE:
                kind.left = {component: [_ALL_BITS] * 64 for component in body[6::3]}
        elif marker == 0xDA and data.rfind(_END, at) >= 0:  # found at once; marker by marker takes 15 ms a megabyte
            kind.ended = True
        elif marker == 0xDA and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            for component in body[1 : 1 + 2 * body[0] : 2]:
                if component in kind.left:
                    kind.left[component][first : last + 1] = [bits & 15] * (min(last, 63) + 1 - first)
        at += max(size, 2)
    return kind
