"""Dead letters: the original record, untouched, with headers that tell where it was and why it failed."""

from dataclasses import replace

from .lanes import Delivery
from .producer import Outgoing


def dead_letter(delivery: Delivery, topic: str, group: str, error: str, message: str) -> Outgoing:
    """The record that goes to the dead-letter topic `topic` (the suite's own name of it)."""
    record = delivery.record
    why = {
        "dlq-topic": record.topic,
        "dlq-partition": record.partition,
        "dlq-offset": record.offset,
        "dlq-timestamp": record.timestamp,
        "dlq-group": group,
        "dlq-attempts": delivery.attempts,
        "dlq-error": error,
        "dlq-message": message,
    }
    headers = [(name, value or b"") for name, value in record.headers]
    headers += [(name, str(value).encode()) for name, value in why.items()]
    # A record with neither key nor value cannot be sent by kafka-python, nor an Unreadable, which is more than bytes.
    key = b"" if record.key is None and record.value is None else record.key
    return Outgoing(topic, key, None if record.value is None else bytes(record.value), headers)


def without_value(letter: Outgoing) -> Outgoing:
    """The dead letter of a record that is too large even for its topic: where it was, and why it failed."""
    *headers, (name, message) = letter.headers
    told = (name, message + b" (the value is left out: it is too large for a dead letter)")
    return replace(letter, key=letter.key or b"", value=b"", headers=[*headers, told])
