"""What the boxes of an AVIF (ISO/IEC 14496-12 and 23008-12) say of its main picture."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Properties:
    """Colour primaries and transfer characteristics (ITU-T H.273; 2 is unspecified), and how the colours are
    sampled, as Pillow calls it."""

    primaries: int = 2
    transfer: int = 2
    sampling: str = "4:2:0"


def properties(data: bytes) -> Properties:
    """Return what is known; the defaults where a box is missing or damaged."""
    try:
        return _properties(data)
    except (struct.error, IndexError, KeyError):
        return Properties()


def with_code_points(data: bytes, primaries: int, transfer: int) -> bytes:
    """Return an AVIF as Pillow writes it (sRGB, no profile) with other code points."""
    end = data.index(b"mdat")
    written, wanted = (b"colrnclx" + struct.pack(">HH", *points) for points in ((1, 13), (primaries, transfer)))
    return data[:end].replace(written, wanted) + data[end:]


def _properties(data: bytes) -> Properties:
    found = dict(_boxes(data, 0, len(data), {b"meta"}))
    start, end = found[b"meta"]
    inner = dict(_boxes(data, start + 4, end))
    main = _main(data, *inner[b"pitm"])
    start, end = inner[b"iprp"]
    parts = list(_boxes(data, start, end))
    shared = list(_boxes(data, *dict(parts)[b"ipco"]))
    numbers = {number for name, place in parts if name == b"ipma" for number in _associated(data, *place, main)}
    primaries, transfer, sampling = 2, 2, "4:2:0"
    for number, (name, (start, end)) in enumerate(shared, 1):
        if number not in numbers:
            continue
        if name == b"colr" and data[start : start + 4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", data, start + 4)
        elif name == b"av1C" and end - start >= 4:
            sampling = {0: "4:4:4", 8: "4:2:2"}.get(data[start + 2] & 0b1100, "4:2:0")
    return Properties(primaries, transfer, sampling)


def _boxes(
    data: bytes, at: int, end: int, until: frozenset[bytes] | set[bytes] = frozenset()
) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield name, and start and end of the content, of the boxes in a part of `data`, to the first in `until`."""
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        if size == 0:
            size = end - at
        if size < start - at:
            raise struct.error("a box smaller than its head")
        yield name, (start, min(at + size, end))
        if name in until:
            return
        at += size


def _main(data: bytes, start: int, end: int) -> int:
    """The number of the main item (pitm)."""
    return int(struct.unpack_from(">I" if data[start] else ">H", data, start + 4)[0])


def _associated(data: bytes, start: int, end: int, item: int) -> Iterator[int]:
    """Yield the numbers of the properties of an item (ipma)."""
    version, wide = data[start], data[start + 3] & 1
    (count,) = struct.unpack_from(">I", data, start + 4)
    at = start + 8
    for _ in range(count):
        form = ">IB" if version else ">HB"
        number, properties_ = struct.unpack_from(form, data, at)
        at += struct.calcsize(form)
        for _ in range(properties_):
            if number == item:
                yield struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
            at += 2 if wide else 1
