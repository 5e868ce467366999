"""A dead letter: the original record, untouched, with headers that tell where it was and why it failed.

Pure: records in, records out.
"""

import re
from collections.abc import Collection, Sequence
from typing import Any

from ..lane import Delivery
from ..producer import Outgoing
from ..topics import MAX_DEAD_LETTER_BYTES

MAX_ORIGINAL_BYTES = MAX_DEAD_LETTER_BYTES - 16 * 1024
"""What is left of a dead letter for the original beside the headers that say why."""
MAX_MESSAGE_CHARACTERS = 1_000
HEADER_PREFIX = "dlq-"
REASONS = ("topic", "partition", "offset", "timestamp", "group", "attempts", "error", "replays", "replay-of", "message")
"""What its own headers tell; `replays` and `replay-of` only where it is a replayed one that has failed again."""
LEFT_OUT = re.compile(r" \(left out, as too large for a dead letter: ([a-z, ]+)\)$")
"""How `dlq-message` ends where something of the original is missing."""

Headers = Sequence[tuple[str, bytes | None]]


def dead_letter(delivery: Delivery, topic: str, group: str, error: str, message: str) -> Outgoing:
    """The record that goes to the dead-letter topic `topic` (the suite's own name of it).

    What is too large for that topic is left out: first the value, then the headers, then the key.
    """
    record = delivery.original
    why = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "group": group,
        "attempts": delivery.attempts,
        "error": error,
    }
    if delivery.replay:
        why |= {"replays": delivery.replay.number, "replay-of": delivery.replay.letter}
    why["message"] = message[:MAX_MESSAGE_CHARACTERS]
    headers = [(name, value or b"") for name, value in record.headers]
    # A record with neither key nor value cannot be sent by kafka-python.
    key = b"" if record.key is None and record.value is None else record.key
    value = None if record.value is None else bytes(record.value)  # kafka-python takes no subclass of bytes
    reasons = [(HEADER_PREFIX + name, str(value).encode()) for name, value in why.items()]
    return _fitting(Outgoing(topic, key, value, [*headers, *reasons]), MAX_ORIGINAL_BYTES)


def smaller(letter: Outgoing) -> Outgoing | None:
    """The dead letter with nothing of the original, for a topic that takes even less; None where it is so already."""
    reduced = _fitting(letter, 0)
    return None if reduced == letter else reduced


def apart(headers: Headers, prefix: str, names: Collection[str]) -> tuple[list[Any], dict[str, str]]:
    """The headers of the original, and what those that were put behind them tell: `names`, each with the prefix.

    The original may have had headers of these names too: somebody may have copied a dead letter by hand.
    """
    count, told = len(headers), {}
    while count:
        name, value = headers[count - 1]
        short = name.removeprefix(prefix)
        if not name.startswith(prefix) or short not in names or short in told:
            break
        told[short] = (value or b"").decode("utf-8", "replace")
        count -= 1
    return list(headers[:count]), told


def _fitting(letter: Outgoing, max_bytes: int) -> Outgoing:
    original, told = apart(letter.headers, HEADER_PREFIX, REASONS)
    reasons = letter.headers[len(letter.headers) - len(told) :]
    sizes = {
        "value": len(letter.value or b""),
        "headers": sum(len(name) + len(value) + 10 for name, value in original),
        "key": len(letter.key or b""),
    }
    left_out = []
    for part, size in list(sizes.items()):
        if size and sum(sizes.values()) > max_bytes:
            sizes[part] = 0
            left_out.append(part)
    if not left_out:
        return letter
    name, message = reasons[-1]
    end = f" (left out, as too large for a dead letter: {', '.join(left_out)})".encode()
    return letter._replace(
        key=b"" if "key" in left_out or letter.key is None else letter.key,
        value=b"" if "value" in left_out else letter.value,
        headers=[*([] if "headers" in left_out else original), *reasons[:-1], (name, message + end)],
    )
