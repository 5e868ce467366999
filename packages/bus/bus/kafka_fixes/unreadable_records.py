"""A record that cannot be read stops its partition.

Symptom: `poll` raises once, then turns in a circle without records until the consumer seeks, and nothing tells where
to. Seen in kafka-python 3.0.12; no public issue known. Here such a record is given out with an `UnreadableRecord` in
place of its value, and so is what takes more memory than there is: anyone may send either.
"""

from collections.abc import Iterator
from typing import Any

from kafka.errors import CorruptRecordError
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecord, DefaultRecordBatch
from kafka.record.legacy_records import LegacyRecordBatch
from kafka.record.util import decode_varint

from .bounded_decompression import TooLarge

MAX_PIECES_PER_BATCH = 50_000
"""Records, and headers of records, that a batch may hold."""
MIN_HEADER_BYTES = 2
"""Bytes of the shortest header: a smaller batch cannot hold too many, and so they are not counted."""


class UnreadableRecord(bytes):
    """The bytes, as they are in the log, of a record or a batch of records that cannot be read."""

    error: str
    """The class of what was raised."""
    reason: str
    """What was raised, and which offsets are skipped."""

    @classmethod
    def of(cls, raw: bytes, first: int, last: int, error: Exception) -> "UnreadableRecord":
        value = cls(raw)
        value.error = type(error).__name__
        what = f"offset {last}" if first == last else f"offsets {first} to {last}"
        value.reason = f"{what} cannot be read: {error}"[:1000]
        return value


def apply() -> None:
    memory_records.DefaultRecordBatch = _DefaultBatch
    memory_records.LegacyRecordBatch = _LegacyBatch


class _DefaultBatch(DefaultRecordBatch):
    """A batch whose iteration raises nothing: of a record that cannot be read it gives a stand-in."""

    _pos: int
    _next_record_index: int

    def __init__(self, buffer: memoryview):
        super().__init__(buffer)
        self._raw = buffer
        self._intact = True

    def validate_crc(self) -> bool:
        self._intact = super().validate_crc()
        return True  # __iter__ tells

    def __iter__(self) -> Iterator[Any]:
        record, count = None, max(0, self.records_count)
        try:
            if not self._intact:
                raise CorruptRecordError("the checksum is wrong")
            _check(count)
            self._maybe_uncompress()
        except Exception as error:
            yield self._rest(self.base_offset, error)
            return
        crowded = count + len(self._buffer) // MIN_HEADER_BYTES > MAX_PIECES_PER_BATCH
        while True:
            try:
                if crowded:
                    count += self._headers()
                    _check(count)
                record = next(self)
            except StopIteration:
                return
            except Exception as error:
                following = self.base_offset if record is None else record.offset + 1
                record = None if isinstance(error, TooLarge) else self._one(error)
                if record is None:
                    yield self._rest(following, error)
                    return
            yield record

    def _headers(self) -> int:
        """How many headers the next record announces: a few bytes may announce a million of no length."""
        if self._next_record_index >= self._num_records:
            return 0
        buffer = self._buffer
        at = self._head()[2]
        for _part in ("key", "value"):
            length, at = decode_varint(buffer, at)
            at += max(0, length)
        return int(max(0, decode_varint(buffer, at)[0]))

    def _head(self) -> tuple[int, int, int]:
        """Of the next record: where it ends, how far its offset is from that of the batch, where its key begins."""
        buffer = self._buffer
        length, start = decode_varint(buffer, self._pos)
        _attributes, at = decode_varint(buffer, start)
        _time, at = decode_varint(buffer, at)
        delta, at = decode_varint(buffer, at)
        return start + length, delta, at

    def _one(self, error: Exception) -> DefaultRecord | None:
        """A stand-in for the next record, where the batch says how long it is; moves past it."""
        if self._next_record_index >= self._num_records:
            return None
        try:
            end, delta, at = self._head()
        except (ValueError, IndexError):
            return None
        if not at <= end <= len(self._buffer) or not 0 <= delta <= self.last_offset_delta:
            return None
        raw = bytes(self._buffer[self._pos : end])
        self._pos = end
        self._next_record_index += 1
        offset = self.base_offset + delta
        return _stand_in(self, UnreadableRecord.of(raw, offset, offset, error), offset, self.max_timestamp)

    def _rest(self, first: int, error: Exception) -> DefaultRecord:
        """A stand-in for all records from the offset `first` on: they cannot be told one from the next."""
        last = self.last_offset
        value = UnreadableRecord.of(bytes(self._raw), min(first, last), last, error)
        return _stand_in(self, value, last, self.max_timestamp)


class _LegacyBatch(LegacyRecordBatch):
    """The same in the format before Kafka 0.11, which tells no more than the last offset."""

    def __init__(self, buffer: memoryview, magic: int):
        super().__init__(buffer, magic)
        self._raw = buffer
        self._intact = True

    def validate_crc(self) -> bool:
        self._intact = super().validate_crc()
        return True

    def __iter__(self) -> Iterator[Any]:
        following = last = self.base_offset
        try:
            if not self._intact:
                raise CorruptRecordError("the checksum is wrong")
            for record in super().__iter__():
                if not record.validate_crc():
                    raise CorruptRecordError("the checksum is wrong")
                following = record.offset + 1
                yield record
        except Exception as error:
            value = UnreadableRecord.of(bytes(self._raw), min(following, last), last, error)
            yield _stand_in(self, value, last, -1)


def _stand_in(batch: Any, value: UnreadableRecord, offset: int, timestamp: int) -> DefaultRecord:
    return DefaultRecord(len(value), offset, timestamp, batch.timestamp_type, None, value, [])


def _check(count: int) -> None:
    if count > MAX_PIECES_PER_BATCH:
        raise TooLarge(f"it holds more than {MAX_PIECES_PER_BATCH} records and headers")
