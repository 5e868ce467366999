"""Compressed batches are decompressed within a limit."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import zstandard
from bus import kafka_fixes
from bus.kafka_fixes import bounded_decompression
from bus.kafka_fixes.bounded_decompression import TooLarge, gzip_decode, lz4_decode, snappy_decode, zstd_decode
from kafka import codec
from kafka.record import default_records, legacy_records

DATA = b"".join(b"%d " % number for number in range(20_000))


def snappy_plain(data: bytes) -> bytes:
    packed: bytes = codec.snappy_encode(data, xerial_compatible=False)
    return packed


def zstd_streamed(data: bytes) -> bytes:
    """As a sender does it that does not know yet how much it will be."""
    packed = zstandard.ZstdCompressor().compressobj()
    return packed.compress(data) + packed.flush()


Pack = Callable[[bytes], bytes]

every_codec = pytest.mark.parametrize(
    ("pack", "unpack"),
    [
        (codec.gzip_encode, gzip_decode),
        (codec.snappy_encode, snappy_decode),
        (snappy_plain, snappy_decode),
        (codec.lz4_encode, lz4_decode),
        (codec.zstd_encode, zstd_decode),
        (zstd_streamed, zstd_decode),
    ],
)


@every_codec
def test_what_is_within_the_limit_is_decompressed(pack: Pack, unpack: Pack) -> None:
    assert unpack(pack(DATA)) == DATA
    assert unpack(pack(b"a")) == b"a"


@every_codec
def test_what_is_beyond_the_limit_is_refused(pack: Pack, unpack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_decompression, "MAX_DECOMPRESSED_BYTES", room := 2**21)  # that of zstd's window
    assert len(unpack(pack(bytes(room)))) == room
    with pytest.raises(TooLarge, match=f"more than {room} bytes"):
        unpack(pack(bytes(room + 1)))


@pytest.mark.parametrize(("pack", "unpack"), [(codec.gzip_encode, gzip_decode), (codec.lz4_encode, lz4_decode)])
def test_what_is_cut_off_is_refused(pack: Pack, unpack: Pack) -> None:
    with pytest.raises((EOFError, ValueError)):
        unpack(pack(DATA)[:-20])


@pytest.mark.parametrize("rest", [b"\0\0\0\0", b"\xff\xff\xff\xfc", b"\0\0\0\5\xff\xff\xff\xff\xff", b"\0"])
def test_blocks_of_snappy_that_are_none_are_refused(rest: bytes) -> None:
    with pytest.raises(ValueError, match="no block of snappy"):
        snappy_decode(codec.snappy_encode(DATA) + rest)


def test_a_window_of_zstd_that_there_is_no_room_for_is_refused() -> None:
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    packed = io.BytesIO()
    with wide.stream_writer(packed, closefd=False) as stream:
        stream.write(DATA)
    with pytest.raises(zstandard.ZstdError):
        zstd_decode(packed.getvalue())


@pytest.mark.parametrize("library", [codec, default_records, legacy_records])
def test_the_library_has_no_other_decoders(library: Any) -> None:
    kafka_fixes.apply()
    assert library.gzip_decode is gzip_decode
    assert library.snappy_decode is snappy_decode
    assert library.lz4_decode is lz4_decode
    assert library.zstd_decode is zstd_decode
