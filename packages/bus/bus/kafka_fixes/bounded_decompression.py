"""Compressed batches are decompressed whatever their size.

Symptom: a batch of a megabyte may hold a gigabyte, and the process is killed. Seen in kafka-python 3.0.12; no public
issue known. Its decoders are replaced by ones with a limit.
"""

import gzip
import io
from collections.abc import Iterator

from kafka import codec
from kafka.record import default_records, legacy_records

MAX_DECOMPRESSED_BYTES = 16 * 1024 * 1024
"""Bytes that a batch may decompress to."""


class TooLarge(Exception):
    """More than a process has room for."""


def apply() -> None:
    for module in (codec, default_records, legacy_records):
        for decode in (gzip_decode, snappy_decode, lz4_decode, zstd_decode):
            setattr(module, decode.__name__, decode)


def gzip_decode(compressed: bytes) -> bytes:
    return _bounded(gzip.GzipFile(fileobj=io.BytesIO(compressed)).read(MAX_DECOMPRESSED_BYTES + 1))


def snappy_decode(compressed: bytes) -> bytes:
    blocks = list(_xerial_blocks(compressed)) if codec._detect_xerial_stream(compressed) else [compressed]
    _check(sum(map(_decompressed_bytes, blocks)))
    return b"".join(map(codec.snappy.decompress, blocks))


def lz4_decode(compressed: bytes) -> bytes:
    decompressor = codec.lz4.LZ4FrameDecompressor()
    data = _bounded(decompressor.decompress(compressed, max_length=MAX_DECOMPRESSED_BYTES + 1))
    if not decompressor.eof:
        raise ValueError("the lz4 frame is cut off")
    return data


def zstd_decode(compressed: bytes) -> bytes:
    decompressor = codec.zstd.ZstdDecompressor(max_window_size=MAX_DECOMPRESSED_BYTES)
    stream = decompressor.stream_reader(io.BytesIO(compressed), read_across_frames=True)
    return _bounded(stream.read(MAX_DECOMPRESSED_BYTES + 1))


def _bounded(data: bytes) -> bytes:
    _check(len(data))
    return data


def _check(size: int) -> None:
    if size > MAX_DECOMPRESSED_BYTES:
        raise TooLarge(f"it decompresses to more than {MAX_DECOMPRESSED_BYTES} bytes")


def _xerial_blocks(compressed: bytes) -> Iterator[bytes]:
    """The snappy blocks in a stream as Java's library writes it: 16 bytes, then each block after its length."""
    stream = io.BytesIO(compressed[16:])
    while size := stream.read(4):
        yield stream.read(int.from_bytes(size, "big"))


def _decompressed_bytes(block: bytes) -> int:
    """The decompressed size that a snappy block begins with: seven bits a byte, lowest first."""
    size = 0
    for place, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return size
    raise ValueError("this is no block of snappy")
