"""Spans of batches, of what fails, of foreign records; and that nothing is loaded where nobody takes them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from bus import PermanentError, Worker
from bus.testing import Broker
from bus.tracing import Tracing
from events import ImageUploaded, OperationFinished
from otlp import Collector, Span, collecting
from service import EXIT_CONFIG
from suite_fixtures import free_port

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    port = free_port()
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{port}")
    with collecting(port) as collector:
        yield collector


def span_ids(broker: Broker, topic: str) -> list[str]:
    return [dict(record.headers)["traceparent"].decode().split("-")[2] for record in broker.records(topic)]


def handled(broker: Broker, worker: Worker, collector: Collector) -> Callable[[str], list[Span]]:
    """Have the worker handle all there is; returns its spans by name."""
    with broker.running(worker):
        broker.wait_until_handled(worker)
    return lambda name: collector.of(worker.name, name)


def test_a_batch_links_to_its_records_and_answers_stay_in_their_traces(collector: Collector) -> None:
    worker, broker = Worker("batching"), Broker(partitions=1)

    @worker.on("image", publishes="notification")
    def answer(uploads: list[ImageUploaded]) -> list[OperationFinished]:
        return [upload.finished("example", "there") for upload in uploads]

    broker.publish("image", *(ImageUploaded(new_file=name) for name in "abc"))
    spans = handled(broker, worker, collector)
    (batch,) = spans("process image")
    assert batch.links == tuple(span_ids(broker, "image"))
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert [*span_ids(broker, "notification")] == [span.id for span in spans("send notification")]
    assert [span.parent for span in spans("send notification")] == span_ids(broker, "image")
    assert {span.links for span in spans("send notification")} == {(batch.id,)}
    assert len({span.trace for span in [batch, *spans("send notification")]}) == 4


def test_a_failure_is_an_error_and_its_dead_letter_a_span_of_the_same_trace(collector: Collector) -> None:
    worker, broker = Worker("failing"), Broker(partitions=1)

    @worker.on("image")
    def fail(_upload: ImageUploaded) -> None:
        raise PermanentError("never")

    broker.publish("image", ImageUploaded(new_file="a"))
    spans = handled(broker, worker, collector)
    (failed,), (buried,) = spans("process image"), spans("send failing.dlq")
    assert (failed.error, failed.attributes["error.type"]) == ("PermanentError", "PermanentError")
    assert failed.parent == span_ids(broker, "image")[0]
    assert (buried.trace, buried.parent) == (failed.trace, failed.id)
    assert buried.id != failed.parent


def test_a_record_without_a_trace_is_the_cause_of_its_answer_by_a_link(collector: Collector) -> None:
    worker, broker = Worker("example"), Broker(partitions=1)

    @worker.on("image", publishes="notification")
    def answer(upload: ImageUploaded) -> OperationFinished:
        return upload.finished("example", "there")

    broker.append("image", b'{"new_file": "a", "timestamp": 1.0}')
    broker.append("image", b"no JSON")
    spans = handled(broker, worker, collector)
    (handling,), (sent,), (buried,) = spans("process image"), spans("send notification"), spans("send example.dlq")
    assert (handling.parent, handling.links) == ("", ())
    assert (sent.parent, sent.links) == ("", (handling.id,))
    assert (buried.parent, buried.links) == ("", ())
    assert sent.id == span_ids(broker, "notification")[0]


@pytest.mark.parametrize("value", [b"\xff" * 55, b"", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"x" * 100_000])
def test_headers_that_make_no_sense_stop_nothing(collector: Collector, value: bytes) -> None:
    worker, broker = Worker("example"), Broker(partitions=1)

    @worker.on("image")
    def handle(_upload: ImageUploaded) -> None:
        pass

    headers = [("traceparent", value), ("ce_id", value), ("traceparent", value)]
    broker.append("image", b"no JSON", headers=headers)
    broker.append("image", b'{"new_file": "a", "timestamp": 1.0}', headers=headers)
    spans = handled(broker, worker, collector)
    assert len(spans("send example.dlq")) == len(spans("process image")) == 1


PROGRAM = """
import sys
from bus import Worker
from bus.testing import Broker
from events import ImageUploaded

worker = Worker("example")

@worker.on("image")
def handle(upload: ImageUploaded) -> None: ...

broker = Broker(partitions=1)
broker.publish("image", ImageUploaded(new_file="a"))
with broker.running(worker):
    broker.wait_until_handled(worker)
print({name.partition(".")[0] for name in sys.modules} & {"opentelemetry", "prometheus_client", "requests"} or "none")
"""


def test_nothing_is_loaded_where_nobody_asks() -> None:
    env = {name: value for name, value in os.environ.items() if name not in (ENDPOINT, "METRICS_PORT")}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "none"


def test_a_worker_works_and_ends_though_nobody_takes_its_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("bus.tracing.CLOSE_WITHIN_SECONDS", 0.1)
    worker, broker = Worker("example"), Broker(partitions=1)

    @worker.on("image")
    def handle(_upload: ImageUploaded) -> None:
        pass

    broker.publish("image", ImageUploaded(new_file="a"))
    with broker.running(worker):
        broker.wait_until_handled(worker)
    assert broker.committed(worker, "image") == {0: 1}


@pytest.mark.parametrize("url", ["collector:4318", "grpc://collector:4317", "http://"])
def test_an_endpoint_that_is_none_ends_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    monkeypatch.setenv(ENDPOINT, url)
    with pytest.raises(SystemExit) as end:
        Tracing.of("example")
    assert end.value.code == EXIT_CONFIG
    assert capsys.readouterr().err == f"wrong setting: {ENDPOINT}: is not of the form http://host:port\n"
