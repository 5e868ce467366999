"""The events of the suite, as they stand in the values of records, and their CloudEvents headers.

Headers follow the CloudEvents 1.0 Kafka protocol binding, binary content mode, and W3C Trace Context.
"""

import secrets
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

Headers = list[tuple[str, bytes]]
Language = Literal["pt-BR", "en"]

NAMESPACE = uuid.UUID("6a1f6f3e-6f0e-5d3b-9a35-6d696e686172")
"""Namespace of the ids (UUID version 5, RFC 9562) of events that answer another event."""


class Undecodable(Exception):
    """The record cannot be understood, now or later."""


class Event(BaseModel):
    """What a record says. Unknown fields are passed over, so that events may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    type: ClassVar[str]

    @property
    def key(self) -> str:
        """The record's key: events with the same key keep their order."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """What tells this event from others of its type that answer the same event."""
        return ""

    @classmethod
    def decode(cls, value: bytes | None, timestamp: float | None = None) -> Self:
        """The event in the value of a record of that time (seconds since 1970).

        Raises Undecodable with what is wrong, in one line.
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
        """The event as it goes into a record."""
        return Encoded(self.type, self.subject, self.key, self.model_dump_json())


class Encoded(NamedTuple):
    """An event ready for a record; as plain strings it also crosses process boundaries."""

    type: str
    subject: str
    key: str
    value: str


def _known_language(value: Any) -> Any:
    return value if value in ("pt-BR", "en") else "pt-BR"


StoredName = Annotated[str, Field(min_length=1, max_length=255)]
Lang = Annotated[Language, BeforeValidator(_known_language)]


class ImageUploaded(Event):
    """A picture lies in the store. Other programs publish it with `timestamp` and `new_file` alone."""

    type: ClassVar[str] = "image.uploaded"

    timestamp: float = Field(default_factory=time.time, allow_inf_nan=False)
    new_file: StoredName
    original_name: str = ""
    email: str | None = None
    telegram_id: str | None = None
    lang: Lang = "pt-BR"

    def model_post_init(self, _context: Any, /) -> None:
        if not self.original_name:
            object.__setattr__(self, "original_name", self.new_file)

    @property
    def id(self) -> str:
        """The picture's id: its stored name without the ending."""
        return self.new_file.rpartition(".")[0] or self.new_file

    @property
    def key(self) -> str:
        return self.id

    def finished(self, operation: str, result: str) -> "OperationFinished":
        """The answer when `operation` has written `result`, a path below the store's root."""
        return self._answer(operation, status="done", result=result)

    def failed(self, operation: str, reason: str) -> "OperationFinished":
        """The answer when `operation` never will succeed; `reason` is a sentence in the upload's language."""
        return self._answer(operation, status="failed", reason=reason)

    def _answer(self, operation: str, **outcome: Any) -> "OperationFinished":
        carried = self.model_dump(include={"new_file", "original_name", "email", "telegram_id", "lang"})
        return OperationFinished(timestamp=time.time(), operation=operation, **carried, **outcome)


class OperationFinished(Event):
    """A worker has answered an upload."""

    type: ClassVar[str] = "image.operation-finished"

    timestamp: float = Field(allow_inf_nan=False)
    new_file: StoredName
    original_name: str
    operation: str
    status: Literal["done", "failed"]
    result: str | None = None
    reason: str | None = None
    email: str | None = None
    telegram_id: str | None = None
    lang: Lang = "pt-BR"

    @property
    def key(self) -> str:
        return self.new_file.rpartition(".")[0] or self.new_file

    @property
    def subject(self) -> str:
        return self.operation


@dataclass(frozen=True)
class Cause:
    """What an event answers: the `ce_id` (or `TOPIC/PARTITION/OFFSET`) and the trace of the record handled."""

    id: str
    traceparent: str | None = None

    @classmethod
    def of(cls, topic: str, partition: int, offset: int, headers: Iterable[tuple[str, bytes]]) -> "Cause":
        """The cause that a consumed record is; `topic` is the suite's own name of it."""
        found = decoded(headers)
        return cls(found.get("ce_id") or f"{topic}/{partition}/{offset}", found.get("traceparent"))


def decoded(headers: Iterable[tuple[str, bytes]]) -> Mapping[str, str]:
    """Headers as text; bytes that are no UTF-8 are replaced, of a repeated header the last one counts."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in headers}


def event_id(event: Encoded, cause: Cause | None) -> str:
    """`ce_id`: the same for every delivery of the same cause, so that a second answer is recognisable."""
    if cause is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(NAMESPACE, f"{cause.id}|{event.type}|{event.subject}"))


def headers_of(event: Encoded, source: str, cause: Cause | None = None) -> Headers:
    """The headers that `event` is published with by the service `source`."""
    fields = {
        "ce_specversion": "1.0",
        "ce_id": event_id(event, cause),
        "ce_source": f"/{source}",
        "ce_type": event.type,
        "ce_time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
        "traceparent": _continued(cause.traceparent if cause else None),
    }
    if cause:
        fields["ce_causationid"] = cause.id
    return [(name, value.encode()) for name, value in fields.items()]


def _continued(traceparent: str | None) -> str:
    parts = (traceparent or "").split("-")
    known = len(parts) == 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef")
    trace = parts[1] if known and set(parts[1]) != {"0"} else secrets.token_hex(16)
    return f"00-{trace}-{secrets.token_hex(8)}-01"
