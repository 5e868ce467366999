"""Events: the value of a record, and its headers.

Headers follow the CloudEvents 1.0 Kafka protocol binding, in binary content mode, and W3C Trace Context.
"""

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha1
from itertools import islice
from random import getrandbits
from typing import ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

Headers = list[tuple[str, bytes]]

NAMESPACE = uuid.UUID("6a1f6f3e-6f0e-5d3b-9a35-6d696e686172")
"""Namespace of the ids (UUID version 5, RFC 9562) of events that have a cause."""
TRACEPARENT = re.compile(r"[^-]*-(?!0{32})([0-9a-f]{32})-[^-]*-[^-]*")


MAX_HEADERS = 100
MAX_HEADER_CHARACTERS = 1_000
MAX_CHARACTERS = {"ce_id": 200, "traceparent": 55}
"""Of headers that go on in further events."""
UTF8_BYTES = 4
"""Bytes of a character, at most."""


class Undecodable(Exception):
    """The record is malformed; no retry helps."""


class Event(BaseModel):
    """Base class of all events. Unknown fields are ignored, so that later versions may add fields."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: ClassVar[str]

    @property
    def key(self) -> str:
        """The record key: events with the same key keep their order."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """Distinguishes events of the same type and cause, such as the operations on one picture."""
        return ""

    @classmethod
    def decode(cls, value: bytes | None, timestamp: float | None = None) -> Self:
        """Parse the value of a record; `timestamp` is that of the record, in seconds since 1970.

        Raises Undecodable with the problem in one line.
        """
        if value is None:
            raise Undecodable("the record has no value")
        try:
            return cls.model_validate_json(value, context={"timestamp": timestamp or time.time()})
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors()[:3])
            raise Undecodable("; ".join(problems)[:500]) from None
        except (ValueError, RecursionError) as error:
            raise Undecodable(str(error)[:500]) from None

    def encoded(self) -> "Encoded":
        """The serialised event."""
        return Encoded(self.type, self.subject, self.key, self.model_dump_json())


class Encoded(NamedTuple):
    """A serialised event. It consists of strings, so that it can be sent to another process."""

    type: str
    subject: str
    key: str
    value: str


@dataclass(frozen=True)
class Cause:
    """The record that led to an event: its `ce_id` (or `TOPIC/PARTITION/OFFSET`) and its trace."""

    id: str
    traceparent: str | None = None

    @property
    def trace_id(self) -> str | None:
        """The trace that the record is part of, where it says so."""
        return trace_of(self.traceparent)

    @classmethod
    def of(cls, topic: str, partition: int, offset: int, headers: Iterable[tuple[str, bytes]]) -> "Cause":
        """The cause of events that a consumed record leads to; `topic` is its name in the catalogue."""
        id = traceparent = None
        for name, value in islice(headers, MAX_HEADERS):
            if name == "ce_id":
                id = _text(value, MAX_CHARACTERS[name])
            elif name == "traceparent":
                traceparent = _text(value, MAX_CHARACTERS[name])
        return cls(id or f"{topic}/{partition}/{offset}", traceparent)


def decoded(headers: Iterable[tuple[str, bytes]]) -> Mapping[str, str]:
    """Headers as text; bytes that are no UTF-8 are replaced, of a repeated header the last one counts.

    What is longer than it may be counts as absent, and so does every header after the first MAX_HEADERS.
    """
    found = {}
    for name, value in islice(headers, MAX_HEADERS):
        text = _text(value, MAX_CHARACTERS.get(name, MAX_HEADER_CHARACTERS))
        if text is not None and len(name) <= MAX_HEADER_CHARACTERS:
            found[name] = text
    return found


def _text(value: bytes | None, max_characters: int) -> str | None:
    """The value of a header as text; None where it is longer."""
    if value is None:
        return ""
    text = value.decode("utf-8", "replace") if len(value) <= UTF8_BYTES * max_characters else None
    return text if text is not None and len(text) <= max_characters else None


def event_id(event: Encoded, cause: Cause | None) -> str:
    """The `ce_id`: deterministic for a given cause, so that consumers recognise duplicates; random without one."""
    if cause is None:
        return str(uuid.uuid4())
    name = f"{cause.id}|{event.type}|{event.subject}"
    digest = sha1(NAMESPACE.bytes + name.encode(), usedforsecurity=False).hexdigest()
    # uuid.uuid5(NAMESPACE, name), which costs three times as much: RFC 9562, version 5, variant 10.
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def headers_of(event: Encoded, source: str, cause: Cause | None = None) -> Headers:
    """The headers with which the service `source` publishes `event`."""
    headers = [
        *_same_for_all(event.type, source),
        ("ce_id", event_id(event, cause).encode()),
        ("ce_time", f"{datetime.now(UTC).isoformat()[:-6]}Z".encode()),  # without +00:00
        ("traceparent", _continued(cause.traceparent if cause else None).encode()),
    ]
    if cause:
        headers.append(("ce_causationid", cause.id.encode()))
    return headers


@cache
def _same_for_all(type: str, source: str) -> Headers:
    """The headers that all events of that type from that service have."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/{source}".encode()),
        ("ce_type", type.encode()),
        ("content-type", b"application/json"),
    ]


def trace_of(traceparent: str | None) -> str | None:
    """The trace that a `traceparent` names, where it is one."""
    known = TRACEPARENT.fullmatch(traceparent or "")
    return known[1] if known else None


def _continued(traceparent: str | None) -> str:
    """The next step of the trace, or the first of a new one. Random, but no secret, which would cost a system call."""
    trace = trace_of(traceparent) or f"{getrandbits(128) or 1:032x}"
    return f"00-{trace}-{getrandbits(64) or 1:016x}-01"
