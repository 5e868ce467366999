"""Dead letters: the original record, untouched, with headers that tell where it was and why it failed."""

from .lane import Delivery
from .producer import Outgoing
from .topics import MAX_DEAD_LETTER_BYTES

MAX_ORIGINAL_BYTES = MAX_DEAD_LETTER_BYTES - 16 * 1024
"""What is left of a dead letter for the original beside the headers that say why."""
HEADER_PREFIX = "dlq-"


def dead_letter(delivery: Delivery, topic: str, group: str, error: str, message: str) -> Outgoing:
    """The record that goes to the dead-letter topic `topic` (the suite's own name of it).

    What is too large for that topic is left out: first the value, then the headers, then the key.
    """
    record = delivery.record
    why = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "group": group,
        "attempts": delivery.attempts,
        "error": error,
        "message": message[:1000],
    }
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


def _fitting(letter: Outgoing, max_bytes: int) -> Outgoing:
    original = [header for header in letter.headers if not header[0].startswith(HEADER_PREFIX)]
    reasons = [header for header in letter.headers if header[0].startswith(HEADER_PREFIX)]
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
    told = f" (left out, as too large for a dead letter: {', '.join(left_out)})".encode()
    return letter._replace(
        key=b"" if "key" in left_out or letter.key is None else letter.key,
        value=b"" if "value" in left_out else letter.value,
        headers=[*([] if "headers" in left_out else original), *reasons[:-1], (name, message + told)],
    )
