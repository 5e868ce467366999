"""Records that kafka-python cannot read: they come as records too, so that whoever consumes can pass over them.

kafka-python 3.0.12 raises an error of such a record once, then turns in a circle in poll() until it is told to seek. It
does not say where it stands either. So what it takes records from is wrapped here: an error becomes a record with an
`Unreadable` in place of its value. So does what there is no room for, since anyone may send it (unpacking.py).
"""

from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecord
from kafka.record.util import decode_varint

from .unpacking import TooLarge

MOST = 50_000
"""Records, and headers of records, that a batch may hold."""
ENOUGH = 16 * 1024 * 1024
"""Bytes of memory that the records of one fetch of a partition may fill; what is left of it is fetched again."""
PIECE = 500
"""Bytes of memory that a record takes, or a header, beside what is in it."""


class Unreadable(bytes):
    """The bytes, as they are in the log, of a record or a batch of records that cannot be read."""

    error: str
    """The class of what was raised."""
    reason: str
    """What was raised, and which offsets are passed over."""

    @classmethod
    def of(cls, raw: bytes, first: int, last: int, error: Exception) -> "Unreadable":
        value = cls(raw)
        value.error = type(error).__name__
        what = f"offset {last}" if first == last else f"offsets {first} to {last}"
        value.reason = f"{what} cannot be read: {error}"[:1000]
        return value


def passing_over(consumer: KafkaConsumer) -> KafkaConsumer:
    """Have `consumer` give out a record with an `Unreadable` where it cannot read one; returns it.

    Where it cannot tell one record of a batch from the next, the last offset of the batch stands for all of them.
    """
    consumer._fetcher.PartitionRecords = _PartitionRecords
    return consumer


class _PartitionRecords(Fetcher.PartitionRecords):
    def __init__(self, fetch_offset: int, tp: Any, records: Any, **options: Any):
        super().__init__(fetch_offset, tp, _Batches(records), **options)


class _Batches:
    """The batches of a fetch."""

    def __init__(self, records: Any):
        self._records = records
        self._last: _Batch | None = None
        self._filled = 0

    def next_batch(self) -> "_Batch | None":
        """The next, while there is room for it."""
        if self._last is not None:
            self._filled += self._last.size
            if self._filled > ENOUGH:
                return None
        raw = self._records._next_slice
        batch = self._records.next_batch()
        self._last = None if batch is None else _Batch(batch, raw)
        return self._last


class _Batch:
    """A batch as the fetcher knows it, whose iteration raises nothing."""

    def __init__(self, batch: Any, raw: memoryview):
        self._batch = batch
        self._raw = raw
        self._intact = True
        self._pieces = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    @property
    def size(self) -> int:
        """Bytes of memory that the records fill that have been read of it."""
        return len(self._batch._buffer) + PIECE * self._pieces

    def validate_crc(self) -> bool:
        self._intact = self._batch.validate_crc()
        return True  # __iter__ tells

    def __next__(self) -> Any:
        return next(self._batch)  # so the fetcher reads the marks that a broker sets

    def __iter__(self) -> Iterator[Any]:
        following = self._batch.base_offset
        try:
            if not self._intact:
                raise CorruptRecordError("the checksum is wrong")
            self._count(getattr(self._batch, "records_count", 1))
            records = iter(self._batch)
        except Exception as error:
            yield self._rest(following, error)
            return
        while True:
            try:
                self._count(self._headers())
                record = next(records)
                if not record.validate_crc():
                    raise CorruptRecordError("the checksum is wrong")
            except StopIteration:
                return
            except Exception as error:
                record = None if isinstance(error, TooLarge) else self._one(error)
                if record is None:
                    yield self._rest(following, error)
                    return
            following = record.offset + 1
            yield record

    def _count(self, more: int) -> None:
        self._pieces += max(0, more)
        if self._pieces > MOST:
            raise TooLarge(f"it holds more than {MOST} records and headers")

    def _headers(self) -> int:
        """How many headers the next record says that it has: a few bytes may say a million of no length."""
        batch = self._batch
        if batch.magic < 2 or batch._next_record_index >= batch.records_count:
            return 0
        _end, _delta, at = self._head()
        for _part in ("key", "value"):
            length, at = decode_varint(batch._buffer, at)
            at += max(0, length)
        return int(decode_varint(batch._buffer, at)[0])

    def _head(self) -> tuple[int, int, int]:
        """Of the next record: where it ends, how far its offset is from that of the batch, where its key begins."""
        buffer = self._batch._buffer
        length, start = decode_varint(buffer, self._batch._pos)
        _attributes, at = decode_varint(buffer, start)
        _time, at = decode_varint(buffer, at)
        delta, at = decode_varint(buffer, at)
        return start + length, delta, at

    def _one(self, error: Exception) -> DefaultRecord | None:
        """The record that could not be read, where the batch says how long it is; the batch is moved past it."""
        batch = self._batch
        if batch.magic < 2 or batch._next_record_index >= batch.records_count:
            return None
        try:
            end, delta, at = self._head()
        except (ValueError, IndexError):
            return None
        if not at <= end <= len(batch._buffer) or not 0 <= delta <= batch.last_offset_delta:
            return None
        raw = bytes(batch._buffer[batch._pos : end])
        batch._pos = end
        batch._next_record_index += 1
        offset = batch.base_offset + delta
        return self._stand_in(Unreadable.of(raw, offset, offset, error), offset)

    def _rest(self, first: int, error: Exception) -> DefaultRecord:
        last = getattr(self._batch, "last_offset", self._batch.base_offset)
        return self._stand_in(Unreadable.of(bytes(self._raw), min(first, last), last, error), last)

    def _stand_in(self, value: Unreadable, offset: int) -> DefaultRecord:
        batch = self._batch
        timestamp = getattr(batch, "max_timestamp", -1)
        return DefaultRecord(len(value), offset, timestamp, batch.timestamp_type, None, value, [])
