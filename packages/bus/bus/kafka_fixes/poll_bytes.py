"""`poll` is bounded by a count of records, not by their bytes.

Symptom: a few compressed batches of some kilobytes unpack to hundreds of megabytes of records, all of one `poll`. Seen
in kafka-python 3.0.12, as in the Java client: `max_poll_records` is all there is.
"""

from itertools import islice
from typing import Any

from kafka.consumer.fetcher import Fetcher

from ..record import memory_bytes


def bound_poll(consumer: Any, max_bytes: int) -> None:
    """Have `poll` give out at most about `max_bytes` of records as they lie in memory, and at least one record.

    The rest stays buffered for the next polls. May be called again with another number; not while another thread polls.
    """
    consumer._fetcher._max_poll_bytes = max_bytes


def apply() -> None:
    fetched_records, append = Fetcher.fetched_records, Fetcher._append
    take = Fetcher.PartitionRecords.take

    def bounded_records(fetcher: Any, *args: Any, **kwargs: Any) -> Any:
        fetcher._poll_bytes_left = fetcher._max_poll_bytes
        return fetched_records(fetcher, *args, **kwargs)

    def bounded_append(fetcher: Any, drained: Any, part: Any, max_records: int, update_offsets: bool) -> int:
        if fetcher._poll_bytes_left is None:
            return int(append(fetcher, drained, part, max_records, update_offsets))
        part.bytes_left = fetcher._poll_bytes_left
        count = append(fetcher, drained, part, max_records, update_offsets)
        fetcher._poll_bytes_left = part.bytes_left
        return max_records if fetcher._poll_bytes_left <= 0 else int(count)

    def bounded_take(part: Any, n: int | None = None) -> Any:
        if part.bytes_left is None:
            return take(part, n)
        part._maybe_raise_next_inline_exception()
        records = []
        bytes_left = part.bytes_left
        try:
            for record in islice(part.record_iterator, n):
                records.append(record)
                bytes_left -= memory_bytes(record)
                if bytes_left <= 0:
                    break
        except Exception as error:
            if not records:
                raise
            part._next_inline_exception = error
        part.bytes_left = bytes_left
        return records

    Fetcher._max_poll_bytes = None
    Fetcher.fetched_records = bounded_records
    Fetcher._append = bounded_append
    Fetcher.PartitionRecords.bytes_left = None
    Fetcher.PartitionRecords.take = bounded_take
