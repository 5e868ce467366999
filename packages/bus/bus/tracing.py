"""Spans of what is published, received and handled, exported over OTLP where `OTEL_EXPORTER_OTLP_ENDPOINT` is set.

A record's `traceparent` names the span that published it. So each span is made afterwards, with the ids that records
carry: OpenTelemetry stands in no record's way, and where no endpoint is set, nothing of it is even loaded.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from random import getrandbits
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from events.event import decoded
from pydantic import field_validator
from sandbox import ChildFailed
from service import Settings

from .handler import Outcome
from .lane import Delivery
from .ports import Sender
from .producer import Outgoing, Position

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

TRACEPARENT = re.compile(r"[^-]*-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[^-]*")
MAX_LINKS = 128
"""Links of one span, at most: backends drop more."""
CLOSE_WITHIN_SECONDS = 1.0
"""Time that the last spans have to leave, when the process ends."""


class TracingSettings(Settings):
    otel_exporter_otlp_endpoint: str | None = None
    """OpenTelemetry reads it too, and its further settings (`OTEL_…`)."""

    @field_validator("otel_exporter_otlp_endpoint")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
            raise ValueError("is not of the form http://host:port")
        return url


class Place(NamedTuple):
    """A span, by the ids that others know it by."""

    trace: int
    span: int

    @classmethod
    def new(cls, trace: int | None = None) -> Self:
        return cls(trace or getrandbits(128) or 1, getrandbits(64) or 1)

    @classmethod
    def of(cls, traceparent: str | None) -> Self | None:
        """The span that a `traceparent` names."""
        known = TRACEPARENT.fullmatch(traceparent or "")
        return cls(int(known[1], 16), int(known[2], 16)) if known else None


class Tracing:
    """Makes the spans of one service."""

    def __init__(self, service: str, group: str = "", topics: Mapping[str, str] | None = None):
        """`group`: in which it consumes; `topics`: the suite's name of each topic on the cluster."""
        self._service = service
        self._group = group
        self._topics = topics or {}
        self._processor: BatchSpanProcessor | None = None
        self._resource: Any = None

    @classmethod
    def of(cls, service: str, group: str = "", topics: Mapping[str, str] | None = None) -> Self | None:
        """None where no endpoint is set. Exits (78) where that is none."""
        return cls(service, group, topics) if TracingSettings.load().otel_exporter_otlp_endpoint else None

    def received(self, deliveries: Sequence[Delivery], began_ns: int) -> None:
        """Records of one partition have come with a poll."""
        if deliveries:
            links = [place for one in deliveries if (place := Place.of(one.cause.traceparent))]
            self._add("receive", Place.new(), None, links, began_ns, time.time_ns(), self._consumed(deliveries))

    def handled(self, handler: str, call: Sequence[Delivery], outcome: Outcome | ChildFailed, seconds: float) -> None:
        """A handler was called. Of one record the span is part of the record's trace; of a batch it links to all."""
        end = time.time_ns()
        attributes = self._consumed(call) | {"code.function.name": handler}
        error = type(outcome).__name__ if isinstance(outcome, ChildFailed) else outcome.error
        places = [place for one in call if (place := Place.of(one.cause.traceparent))]
        parent = places[0] if len(call) == 1 and places else None
        mine = Place.new(parent.trace if parent else None)
        links = [] if parent else places
        self._add("process", mine, parent, links, end - round(seconds * 1e9), end, attributes, error)
        for one in call:
            one.span = mine

    def answered(self, delivery: Delivery, record: Outgoing, at: Any, began_ns: int) -> None:
        """The broker has an answer, or the dead letter, of a delivery."""
        caused_by, handled_in = Place.of(delivery.cause.traceparent), delivery.span
        mine = _place(record)
        if mine is None or mine == caused_by:  # a dead letter has the headers of its original
            mine = Place.new((handled_in or caused_by or Place.new()).trace)
        parents = [one for one in (handled_in, caused_by) if one and one.trace == mine.trace]
        links = [handled_in] if handled_in and handled_in.trace != mine.trace else []
        parent = parents[0] if parents else None
        self._add("send", mine, parent, links, began_ns, time.time_ns(), self._sent(record, at))

    def published(self, records: Sequence[Outgoing], at: Sequence[Position], began_ns: int) -> None:
        """The broker has records that were published together: of those of one trace the first is what caused them."""
        firsts: dict[int, Place] = {}
        for record, position in zip(records, at, strict=True):
            mine = _place(record) or Place.new()
            parent = firsts.get(mine.trace)
            firsts.setdefault(mine.trace, mine)
            self._add("send", mine, parent, [], began_ns, time.time_ns(), self._sent(record, position))

    def close(self) -> None:
        """Send what is left, for a short time at most."""
        if self._processor:
            last = threading.Thread(target=self._processor.shutdown, daemon=True, name="last spans")
            last.start()
            last.join(CLOSE_WITHIN_SECONDS)

    def _consumed(self, deliveries: Sequence[Delivery]) -> dict[str, Any]:
        first = deliveries[0].record
        attributes = {
            "messaging.destination.name": self._topics.get(first.topic, first.topic),
            "messaging.consumer.group.name": self._group,
        }
        if len({one.record.partition for one in deliveries}) == 1:
            attributes["messaging.destination.partition.id"] = str(first.partition)
        if len(deliveries) > 1:
            return attributes | {"messaging.batch.message_count": len(deliveries)}
        return attributes | {
            "messaging.kafka.offset": first.offset,
            "messaging.message.id": deliveries[0].cause.id,
            "messaging.message.body.size": len(first.value) if isinstance(first.value, bytes) else 0,
        }

    @staticmethod
    def _sent(record: Outgoing, at: Any) -> dict[str, Any]:
        id = decoded(record.headers).get("ce_id")
        return {
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(at.partition),
            "messaging.kafka.offset": at.offset,
            "messaging.message.body.size": len(record.value or b""),
            **({"messaging.message.id": id} if id else {}),
        }

    def _add(  # noqa: PLR0913, PLR0917 - the parts of a span
        self,
        operation: Literal["send", "receive", "process"],
        place: Place,
        parent: Place | None,
        links: Iterable[Place],
        began_ns: int,
        ended_ns: int,
        attributes: Mapping[str, Any],
        error: str = "",
    ) -> None:
        """Have a span exported; where the queue is full, it is dropped."""
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415 - as said above
        from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        def context(one: Place, is_remote: bool) -> SpanContext:
            return SpanContext(one.trace, one.span, is_remote, TraceFlags(TraceFlags.SAMPLED))

        kinds = {"send": SpanKind.PRODUCER, "receive": SpanKind.CLIENT, "process": SpanKind.CONSUMER}
        span = ReadableSpan(
            f"{operation} {attributes['messaging.destination.name']}",
            context(place, is_remote=False),
            context(parent, is_remote=operation == "process") if parent else None,
            kind=kinds[operation],
            links=[Link(context(one, is_remote=True)) for one in [*links][:MAX_LINKS]],
            start_time=began_ns,
            end_time=ended_ns,
            status=Status(StatusCode.ERROR, error) if error else Status(),
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": operation,
                "messaging.operation.type": operation,
                **attributes,
                **({"error.type": error} if error else {}),
            },
            resource=self._resource_of_service(),
        )
        self._exporter().on_end(span)

    def _resource_of_service(self) -> Any:
        if self._resource is None:
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

            self._resource = Resource.create({"service.name": self._service})
        return self._resource

    def _exporter(self) -> BatchSpanProcessor:
        """Made with the first span: a process that is to be forked must not have its thread."""
        if self._processor is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

            self._processor = BatchSpanProcessor(OTLPSpanExporter())
        return self._processor


class TracedProducer:
    """A producer whose records are spans."""

    def __init__(self, producer: Sender, tracing: Tracing):
        self._producer = producer
        self._tracing = tracing

    def send(self, outgoing: Outgoing) -> Any:
        return self._producer.send(outgoing)

    def publish(self, records: Iterable[Outgoing]) -> list[Position]:
        """As Producer.publish."""
        all_of_them, began = [*records], time.time_ns()
        places = self._producer.publish(all_of_them)
        self._tracing.published(all_of_them, places, began)
        return places

    def close(self, timeout: float = 3.0) -> None:
        self._producer.close(timeout)
        self._tracing.close()


def traced(producer: Sender, service: str) -> Sender:
    """The producer, with spans where an endpoint is set that takes them."""
    tracing = Tracing.of(service)
    return TracedProducer(producer, tracing) if tracing else producer


def _place(record: Outgoing) -> Place | None:
    return Place.of(decoded(record.headers).get("traceparent"))
