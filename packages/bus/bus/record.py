"""What can be said of any record, whatever it is about."""

import time
from dataclasses import dataclass, field
from typing import Any

RECORD_OVERHEAD_BYTES = 1_000
"""Memory of a record in hand beside its key, value and headers: the objects around it."""
HEADER_OVERHEAD_BYTES = 200
"""Memory of a header beside its name and value."""


def memory_bytes(record: Any) -> int:
    """About how much memory a consumed record takes."""
    size = RECORD_OVERHEAD_BYTES + HEADER_OVERHEAD_BYTES * len(record.headers)
    for name, value in record.headers:
        size += len(name) + len(value or b"")
    return size + len(record.key or b"") + len(record.value or b"")


def timestamp_seconds(record: Any) -> float:
    """The record's timestamp in seconds since 1970: now, where it has none, as in the oldest message formats."""
    if record.timestamp is None or record.timestamp < 0:
        return time.time()
    return float(record.timestamp / 1000)


@dataclass(frozen=True)
class Record:
    """A record, with the names that kafka-python gives its parts."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    """Milliseconds since 1970."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
