"""Receives spans as a collector of OpenTelemetry does: OTLP over HTTP, in protobuf."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


@dataclass(frozen=True)
class Span:
    """A span, with what tests look at."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    error: str
    attributes: dict[str, Any]
    began_ns: int
    ended_ns: int


class Collector:
    def __init__(self, port: int) -> None:
        self.spans: list[Span] = []
        spans = self.spans

        class Endpoint(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                spans.extend(parsed(request))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Endpoint)

    def of(self, service: str, name: str) -> list[Span]:
        return [span for span in self.spans if (span.service, span.name) == (service, name)]


@contextmanager
def collecting(port: int) -> Iterator[Collector]:
    collector = Collector(port)
    Thread(target=collector.server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()


def parsed(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = _values(resource.resource.attributes)["service.name"]
        for span in (one for scope in resource.scope_spans for one in scope.spans):
            yield Span(
                service,
                span.name,
                KINDS[span.kind],
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                tuple(link.span_id.hex() for link in span.links),
                span.status.message if span.status.code == 2 else "",
                _values(span.attributes),
                span.start_time_unix_nano,
                span.end_time_unix_nano,
            )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
