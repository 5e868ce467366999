"""Unpacks compressed batches of records, where there is room for what is in them.

kafka-python 3.0.12 unpacks them whatever comes of it: those of a megabyte may hold a thousand. Importing this module
puts decoders with a limit in the place of its own.
"""

import gzip
import io
from collections.abc import Iterator

from kafka import codec
from kafka.record import default_records, legacy_records

LARGEST = 16 * 1024 * 1024
"""Bytes that a batch may unpack to."""


class TooLarge(Exception):
    """More than a process has room for."""


def gzip_decode(packed: bytes) -> bytes:
    return _within(gzip.GzipFile(fileobj=io.BytesIO(packed)).read(LARGEST + 1))


def snappy_decode(packed: bytes) -> bytes:
    blocks = list(_blocks(packed)) if codec._detect_xerial_stream(packed) else [packed]
    _check(sum(map(_unpacked, blocks)))
    return b"".join(map(codec.snappy.decompress, blocks))


def lz4_decode(packed: bytes) -> bytes:
    unpacking = codec.lz4.LZ4FrameDecompressor()
    data = _within(unpacking.decompress(packed, max_length=LARGEST + 1))
    if not unpacking.eof:
        raise ValueError("the lz4 frame is cut off")
    return data


def zstd_decode(packed: bytes) -> bytes:
    unpacking = codec.zstd.ZstdDecompressor(max_window_size=LARGEST)
    return _within(unpacking.stream_reader(io.BytesIO(packed), read_across_frames=True).read(LARGEST + 1))


def _within(data: bytes) -> bytes:
    _check(len(data))
    return data


def _check(size: int) -> None:
    if size > LARGEST:
        raise TooLarge(f"it unpacks to more than {LARGEST} bytes")


def _blocks(packed: bytes) -> Iterator[bytes]:
    """The blocks of snappy in a stream as Java's library writes it: 16 bytes, then each after its length."""
    stream = io.BytesIO(packed[16:])
    while size := stream.read(4):
        yield stream.read(int.from_bytes(size, "big"))


def _unpacked(block: bytes) -> int:
    """How many bytes a block of snappy says that it unpacks to: it begins so, seven bits a byte, lowest first."""
    size = 0
    for place, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return size
    raise ValueError("this is no block of snappy")


for _records in (codec, default_records, legacy_records):
    for _decode in (gzip_decode, snappy_decode, lz4_decode, zstd_decode):
        setattr(_records, _decode.__name__, _decode)
