"""The chunks of a WebP (RFC 9649)."""

import struct

from .composition import Dispose, Layer, is_covered
from .formats import MAX_FRAMES

_ANIMATION, _XMP, _EXIF, _ALPHA = 2, 4, 8, 16  # flags of VP8X


def mended(data: bytes) -> bytes:
    """Return a WebP without metadata that is cut off at its end, and as `with_room_clear` does."""
    at, flags = 12, 0xFF & ~(_EXIF | _XMP)
    while at < len(data) < 8 + int.from_bytes(data[4:8], "little"):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        if end == len(data) + 1 and size % 2:
            return data + b"\0"
        if at + 8 > len(data) or (end > len(data) and name in (b"EXIF", b"XMP ")):
            left = bytearray(data[:at])
            struct.pack_into("<I", left, 4, at - 8)
            if left[12:16] == b"VP8X":  # which tells what metadata there are
                left[20] &= flags
            return bytes(left)
        flags |= {b"EXIF": _EXIF, b"XMP ": _XMP}.get(name, 0)
        at = end
    return with_room_clear(data)


def with_room_clear(data: bytes) -> bytes:
    """Return an animated WebP whose frames leave room with the flag of transparency: browsers show that room clear.

    libwebp does without the flag where no frame has an alpha of its own.
    """
    if data[12:16] != b"VP8X" or len(data) < 30 or data[20] & (_ANIMATION | _ALPHA) != _ANIMATION:
        return data
    size = tuple(int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    layers: list[Layer] = []
    at = 12
    while at + 32 <= len(data) and len(layers) <= MAX_FRAMES:
        if data[at : at + 4] == b"ANMF":
            left, top, width, height = (int.from_bytes(data[at + 8 + n : at + 11 + n], "little") for n in (0, 3, 6, 9))
            box = 2 * left, 2 * top, 2 * left + width + 1, 2 * top + height + 1
            layers.append(Layer(box, 0, Dispose(data[at + 23] & 1), replaces=False))
        chunk_size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + chunk_size + chunk_size % 2
    if not layers or is_covered(layers, (size[0], size[1])):
        return data
    return b"".join((data[:20], bytes((data[20] | _ALPHA,)), data[21:]))
