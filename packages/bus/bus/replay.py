"""Replays: the original of a dead letter again, on a topic that only the service reads that could not handle it.

Such a record says which dead letter it is of, how often that was replayed, and where the original was: so a handler
sees what it saw the first time. The topics are also the log of what was done about dead letters: one that was dropped
has a record there without a value. Pure.
"""

from typing import Any, NamedTuple

from .producer import Outgoing
from .record import Record

HEADER_PREFIX = "retry-"
PLACE = ("topic", "partition", "offset", "timestamp")


class Replay(NamedTuple):
    """What a record on a topic of replays says of itself."""

    letter: str
    """Which dead letter it is of: `SERVICE/PARTITION/OFFSET` in the service's topic of dead letters."""
    number: int
    """How often the original was replayed, this time included."""
    group: str = ""
    """The consumer group that is to handle it; empty: any. Several may run the same service on the same topics."""


def replay_record(topic: str, replay: Replay, original: Record) -> Outgoing:
    """The record that replays `original` on `topic`, in the partition of the same number."""
    place = [(HEADER_PREFIX + name, str(getattr(original, name)).encode()) for name in PLACE]
    said = [
        ("retry-group", replay.group.encode()),
        ("retry-of", replay.letter.encode()),
        ("retry-number", str(replay.number).encode()),
    ]
    headers = [*((name, value or b"") for name, value in original.headers), *place, *said]
    key = b"" if original.key is None and original.value is None else original.key
    return Outgoing(topic, key, original.value, headers, original.partition)


def dropped_record(topic: str, partition: int, letter: str, key: bytes | None) -> Outgoing:
    """The record that says that a dead letter was dropped."""
    return Outgoing(topic, key or b"", None, [("retry-of", letter.encode()), ("retry-dropped", b"true")], partition)


def is_dropped(record: Any) -> bool:
    """Whether a record on a topic of replays only says that a dead letter was dropped."""
    return bool(record.headers) and record.headers[-1][0] == "retry-dropped"


def letter_of(record: Any) -> str | None:
    """Which dead letter a record on a topic of replays is of; None for one that somebody put there by hand."""
    for name, value in reversed(record.headers[-2:]):
        if name == "retry-of":
            return (value or b"").decode("utf-8", "replace")
    return None


def replayed(record: Any) -> tuple[Record, Replay] | None:
    """The original that a record on a topic of replays is of; None for one that somebody put there by hand."""
    names = [*PLACE, "group", "of", "number"]
    told = {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers[-len(names) :]}
    if [*told] != [HEADER_PREFIX + name for name in names]:
        return None
    topic, partition, offset, timestamp, group, letter, number = told.values()
    try:
        place = topic, int(partition), int(offset), None if timestamp == "None" else int(timestamp)
        replay = Replay(letter, int(number), group)
    except ValueError:
        return None
    return Record(*place, record.key, record.value, list(record.headers[: -len(names)])), replay
