"""Records that kafka-python cannot read are given out as UnreadableRecord, beside those that it can."""

from types import SimpleNamespace
from typing import Any

import pytest
from bus import kafka_fixes
from bus.kafka_fixes import UnreadableRecord, bounded_decompression, unreadable_records
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.protocol.consumer import IsolationLevel
from kafka.record import MemoryRecords, MemoryRecordsBuilder
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import calc_crc32c
from odd_records import NoText

HERE = TopicPartition("image", 0)
CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


def batch(*values: bytes, first: int = 0, odd: tuple[bytes, ...] = (), codec: int = 0, magic: int = 2) -> bytes:
    """A batch as it is in the log; a record whose value is among the `odd` has a header that is no UTF-8."""
    builder = MemoryRecordsBuilder(magic=magic, compression_type=codec, batch_size=1_000_000)
    for value in values:
        headers = [(NoText("name") if value in odd else "name", b"x")] if magic == 2 else []
        builder.append(1_000, b"key", value, headers)
    builder.close()
    encoded = bytearray(builder.buffer())
    encoded[:8] = (first if magic == 2 else first + len(values) - 1).to_bytes(8, "big")
    return bytes(encoded)


def damaged(encoded: bytes, at: int) -> bytes:
    """With another byte there, and the checksum that it was sent with."""
    changed = bytearray(encoded)
    changed[at] = 0x7F
    return bytes(changed)


def signed(encoded: bytes) -> bytes:
    """With a checksum that fits: it was sent so."""
    attributes, crc = DefaultRecordBatch.ATTRIBUTES_OFFSET, calc_crc32c(encoded[DefaultRecordBatch.ATTRIBUTES_OFFSET :])
    return encoded[: attributes - 4] + crc.to_bytes(4, "big") + encoded[attributes:]


def read(*batches: bytes, start: int = 0, **how: Any) -> tuple[list[Any], int]:
    """What a fetch from offset `start` gives, and where the next begins."""
    kafka_fixes.apply()
    records = Fetcher.PartitionRecords(start, HERE, MemoryRecords(b"".join(batches)), **how)
    taken = records.take()
    assert not records, "all has been taken"
    return taken, records.next_fetch_offset


def told(records: list[Any]) -> list[tuple[int, str]]:
    return [
        (one.offset, one.value.reason if isinstance(one.value, UnreadableRecord) else one.value.decode())
        for one in records
    ]


def test_what_can_be_read_comes_as_it_is() -> None:
    records, following = read(batch(b"a", b"b"), batch(b"c", first=2))
    assert told(records) == [(0, "a"), (1, "b"), (2, "c")]
    assert [(one.key, one.headers, one.timestamp) for one in records] == [(b"key", [("name", b"x")], 1_000)] * 3
    assert following == 3


def test_of_a_batch_only_the_record_is_passed_over() -> None:
    records, following = read(batch(b"a", b"odd", b"c", odd=(b"odd",), first=7), batch(b"d", first=10))
    assert [one.offset for one in records] == [7, 8, 9, 10]
    assert [one.value for one in records if not isinstance(one.value, UnreadableRecord)] == [b"a", b"c", b"d"]
    value = records[1].value
    assert value.error == "CorruptRecordError"
    assert value.reason.startswith("offset 8 cannot be read: ")
    assert "UnicodeDecodeError" in value.reason
    assert b"odd" in value
    assert b"\xff\xfe" in value
    assert following == 11


@pytest.mark.parametrize("codec", CODECS)
def test_so_it_is_in_a_batch_that_is_compressed(codec: str) -> None:
    records, _following = read(batch(b"a" * 99, b"odd", b"c" * 99, odd=(b"odd",), codec=CODECS[codec]))
    assert [one.value for one in records if not isinstance(one.value, UnreadableRecord)] == [b"a" * 99, b"c" * 99]
    assert b"odd" in records[1].value


@pytest.mark.parametrize(("codec", "magic"), [("snappy", 2), ("lz4", 2), ("zstd", 2), ("snappy", 1), ("lz4", 1)])
def test_without_the_codec_the_last_offset_stands_for_the_batch(
    monkeypatch: pytest.MonkeyPatch, codec: str, magic: int
) -> None:
    encoded = batch(b"a" * 99, b"b" * 99, b"c" * 99, first=5, codec=CODECS[codec], magic=magic)
    monkeypatch.setattr(f"kafka.codec.has_{codec}", lambda: False)
    records, following = read(encoded, batch(b"d", first=8))
    assert [one.offset for one in records] == [7, 8]
    assert records[0].value == encoded
    assert records[0].value.error == "UnsupportedCodecError"
    first = 5 if magic == 2 else 7  # the older form tells only the last
    assert records[0].value.reason.startswith(f"offsets {first} to 7" if first < 7 else "offset 7")
    assert records[1].value == b"d"
    assert following == 9


@pytest.mark.parametrize("codec", CODECS)
def test_what_unpacks_to_more_than_there_is_room_for_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    monkeypatch.setattr(bounded_decompression, "MAX_DECOMPRESSED_BYTES", 2_000)
    encoded = batch(b"a" * 999, b"b" * 999, b"c" * 999, codec=CODECS[codec])
    records, following = read(encoded, batch(b"d", first=3))
    assert [one.offset for one in records] == [2, 3]
    assert records[0].value == encoded
    assert following == 4


def test_a_batch_of_too_many_records_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unreadable_records, "MAX_PIECES_PER_BATCH", 5)  # each has a header
    records, following = read(batch(b"a", b"b"), batch(b"c", b"d", b"e", b"f", b"g", b"h", first=2))
    reason = "offsets 2 to 7 cannot be read: it holds more than 5 records and headers"
    assert told(records) == [(0, "a"), (1, "b"), (7, reason)]
    assert (records[2].value.error, following) == ("TooLarge", 8)


def test_of_a_batch_of_too_many_headers_the_rest_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unreadable_records, "MAX_PIECES_PER_BATCH", 5)
    records, following = read(batch(b"a", b"b", b"c"), batch(b"d", first=3))
    reason = "offset 2 cannot be read: it holds more than 5 records and headers"
    assert told(records) == [(0, "a"), (1, "b"), (2, reason), (3, "d")]
    assert following == 4


def test_what_does_not_decompress_is_passed_over() -> None:
    whole = batch(b"a" * 99, b"b" * 99, codec=CODECS["gzip"])
    records, following = read(signed(damaged(whole, DefaultRecordBatch.HEADER_STRUCT.size)), batch(b"c", first=2))
    assert [one.offset for one in records] == [1, 2]
    assert records[0].value.error == "BadGzipFile"
    assert following == 3


@pytest.mark.parametrize("magic", [1, 2])
def test_a_wrong_checksum_is_the_end_of_its_batch_alone(magic: int) -> None:
    records, following = read(damaged(batch(b"a", magic=magic), -1), batch(b"b", first=1))
    wrong = "offset 0 cannot be read: [Error 2] CorruptRecordError: the checksum is wrong"
    assert told(records) == [(0, wrong), (1, "b")]
    assert following == 2


def test_a_record_whose_length_cannot_be_believed_takes_the_rest_of_its_batch_along() -> None:
    encoded = batch(b"first", b"second", b"third", first=3)
    length = encoded.index(b"second") - len(b"\0\0\0\0\0key\0")  # attributes, time, offset, and before each its length
    records, following = read(signed(damaged(encoded, length)), batch(b"d", first=6))
    assert [one.offset for one in records] == [3, 5, 6]
    assert records[1].value.reason.startswith("offsets 4 to 5 cannot be read: ")
    assert following == 7


def test_what_was_read_before_does_not_come_again_when_the_fetch_begins_within_the_batch() -> None:
    records, following = read(batch(b"a", b"odd", b"c", odd=(b"odd",)), start=2)
    assert told(records) == [(2, "c")]
    assert following == 3


def test_what_was_sent_in_a_transaction_that_was_given_up_does_not_come() -> None:
    def sent(*, value: bytes, key: bytes, first: int, control: bool = False) -> bytes:
        builder = MemoryRecordsBuilder(
            2, 0, 1_000, transactional=True, producer_id=5, producer_epoch=0, base_sequence=0
        )
        builder.append(1_000, key, value)
        builder.close()
        encoded = bytearray(builder.buffer())
        encoded[:8] = first.to_bytes(8, "big")
        encoded[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.CONTROL_MASK if control else 0
        return signed(bytes(encoded))

    given_up, confirmed = b"\0\0\0\0", b"\0\0\0\1"
    log = [
        sent(key=b"key", value=b"given up", first=0),
        sent(key=given_up, value=b"\0" * 6, first=1, control=True),
        sent(key=b"key", value=b"stays", first=2),
        sent(key=confirmed, value=b"\0" * 6, first=3, control=True),
    ]
    records, following = read(
        *log,
        isolation_level=IsolationLevel.READ_COMMITTED,
        aborted_transactions=[SimpleNamespace(producer_id=5, first_offset=0)],
    )
    assert told(records) == [(2, "stays")]
    assert following == 4


def test_a_few_can_be_taken_at_a_time() -> None:
    kafka_fixes.apply()
    fetched = MemoryRecords(batch(b"a", b"odd", b"c", odd=(b"odd",)))
    records = Fetcher.PartitionRecords(0, HERE, fetched)
    assert [(records.take(1)[0].offset, records.next_fetch_offset) for _ in range(3)] == [(0, 1), (1, 2), (2, 3)]
