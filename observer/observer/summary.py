"""What is kept of a record: where it stands and what it says of itself; its value stays on the broker."""

import json
import re
from sys import intern
from typing import Any, NamedTuple

from bus.names import Names
from events.catalogue import CONVERSATION_TOPICS
from events.event import decoded, trace_of

PICTURE_TOPICS = ("image", "notification")
MAX_KEY_CHARACTERS = 200
MAX_PARSED_BYTES = 64 * 1024
"""Of a value that is looked into, where the record has no key."""
PLACE = re.compile(r"(?P<topic>[a-zA-Z0-9._-]{1,249})/(?P<partition>\d{1,9})/(?P<offset>\d{1,18})")
FIXED_BYTES = 420
"""Memory of a summary beside the characters of its strings."""


class Summary(NamedTuple):
    """A record, as pages are told of it; topics by the names of the suite."""

    topic: str
    partition: int
    offset: int
    at: int
    """Milliseconds since 1970."""
    id: str
    """Its `ce_id`, or else its place."""
    type: str | None
    source: str | None
    """The service that published it, as it says."""
    key: str | None
    cause: str | None
    """The `id` of the record that it answers; of a dead letter the place of the original."""
    trace: str | None
    session: str | None
    picture: str | None
    bytes: int
    """Of its value."""

    @property
    def place(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def is_dead_letter(self) -> bool:
        return self.topic.endswith(".dlq")

    @property
    def memory_bytes(self) -> int:
        return FIXED_BYTES + sum(len(text) for text in (self.id, self.key, self.cause, self.trace) if text)

    def to_json(self) -> dict[str, Any]:
        return self._asdict()


def summary_of(record: Any, names: Names) -> Summary:
    """The summary of a consumed record, whoever sent it."""
    topic = names.topic(record.topic)
    headers = decoded(record.headers)
    place = f"{topic}/{record.partition}/{record.offset}"
    cause, about = headers.get("ce_causationid") or None, topic
    if "dlq-topic" in headers:
        about = names.topic(headers["dlq-topic"])
        cause = f"{about}/{headers.get('dlq-partition')}/{headers.get('dlq-offset')}"
    key = _text(record.key)
    session, picture = _subjects(about, key, record)
    return Summary(
        topic=intern(topic),
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp,
        id=headers.get("ce_id") or place,
        type=_interned(headers.get("ce_type")),
        source=_interned(headers.get("ce_source", "").removeprefix("/")),
        key=key,
        cause=cause,
        trace=trace_of(headers.get("traceparent")),
        session=session,
        picture=picture,
        bytes=len(record.value or b""),
    )


def _subjects(topic: str, key: str | None, record: Any) -> tuple[str | None, str | None]:
    """The conversation and the picture that a record of `topic` is about."""
    if topic in CONVERSATION_TOPICS:
        return key or _field(record.value, "sessao"), None
    if topic in PICTURE_TOPICS:
        name = key or _field(record.value, "new_file")
        return None, name if key or not name else name.rpartition(".")[0] or name
    return None, None


def _field(value: bytes | None, name: str) -> str | None:
    """A text that the value holds, as JSON, under that name: foreign programs send no key."""
    if value is None or len(value) > MAX_PARSED_BYTES:
        return None
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError):
        return None
    found = fields.get(name) if isinstance(fields, dict) else None
    return _printable(found)[:MAX_KEY_CHARACTERS] if isinstance(found, str) and found else None


def _text(key: bytes | None) -> str | None:
    return None if key is None else key[: 4 * MAX_KEY_CHARACTERS].decode("utf-8", "replace")[:MAX_KEY_CHARACTERS]


def _printable(text: str) -> str:
    """Without halves of characters, which JSON may hold and UTF-8 may not."""
    return text.encode("utf-8", "replace").decode()


def _interned(text: str | None) -> str | None:
    return intern(text) if text else None
