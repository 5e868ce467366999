"""The trace of one upload, as a collector of OpenTelemetry receives it: page, topics, workers, notifier."""

import importlib
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bus import Worker
from bus.testing import Broker
from bus.tracing import traced
from image_upload.api import Backend
from image_upload.app import make_app
from image_upload.settings import UploadSettings
from otlp import Collector, collecting
from pictures import Store
from sample_pictures import encoded, quarters
from suite_fixtures import eventually, free_port
from web import Hub

PICTURE_WORKERS = ("rotate-worker", "grayscale-worker", "caption-worker")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    return port


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Worker]:
    """The workers of the picture pipeline, with a store of this test's own."""
    monkeypatch.setenv("STORE_URL", tmp_path.as_uri())
    for name in ("NOTIFY_EMAIL", "NOTIFY_TELEGRAM_ID"):
        monkeypatch.delenv(name, raising=False)
    modules = [f"{name.replace('-', '_')}.__main__" for name in (*PICTURE_WORKERS, "notifier")]
    return [importlib.reload(importlib.import_module(module)).worker for module in modules]


@pytest.fixture
def traces(port: int, workers: list[Worker], tmp_path: Path) -> Iterator[tuple[Broker, Collector]]:
    """The pipeline on a broker in memory, after one upload."""
    broker = Broker(partitions=1)
    backend: Any = Backend(
        settings=UploadSettings(store_url=tmp_path.as_uri()),
        store=Store(tmp_path.as_uri()),
        checker=SimpleNamespace(extension=lambda _path: "png"),  # type: ignore[arg-type]
        previews=SimpleNamespace(),  # type: ignore[arg-type]
        producer=traced(broker.producer(), "image-upload"),
        cluster=SimpleNamespace(problem=lambda: None, members=dict),  # type: ignore[arg-type]
        hub=Hub(),
    )
    with ExitStack() as stack:
        for worker in workers:
            stack.enter_context(broker.running(worker))
        collector = stack.enter_context(collecting(port))
        picture = BytesIO(encoded(quarters((30, 20)), "PNG"))
        answer = make_app(backend).test_client().post("/upload/api/images", data={"file": (picture, "a.png")})
        assert answer.status_code == 202, answer.text
        for worker in workers[:-1]:
            broker.wait_until_handled(worker, 60)
        eventually(lambda: len(broker.records("notification")) == 3)
        broker.wait_until_handled(workers[-1], 60)
        eventually(lambda: len(collector.of("notifier", "process notification")) == 3)
        eventually(lambda: all(collector.of(worker, "send notification") for worker in PICTURE_WORKERS))
        eventually(lambda: collector.of("image-upload", "send image"))
        yield broker, collector
    backend.producer.close()


def test_one_upload_is_one_trace_from_the_page_to_the_notifier(traces: tuple[Broker, Collector]) -> None:
    broker, collector = traces
    (uploaded,) = collector.of("image-upload", "send image")
    (record,) = broker.records("image")
    assert dict(record.headers)["traceparent"].decode() == f"00-{uploaded.trace}-{uploaded.id}-01"
    assert (uploaded.parent, uploaded.kind) == ("", "producer")
    answers = {}
    for worker in PICTURE_WORKERS:
        (handled,) = collector.of(worker, "process image")
        (sent,) = collector.of(worker, "send notification")
        assert (handled.parent, handled.kind) == (uploaded.id, "consumer")
        assert (sent.parent, sent.kind) == (handled.id, "producer")
        assert uploaded.began_ns <= handled.ended_ns <= sent.ended_ns
        assert handled.began_ns < handled.ended_ns
        answers[sent.id] = worker
    notified = collector.of("notifier", "process notification")
    assert {span.parent for span in notified} == answers.keys()
    in_trace = [span for span in collector.spans if span.trace == uploaded.trace]
    assert len(in_trace) == 1 + 3 + 3 + 3
    published = {dict(record.headers)["traceparent"].decode() for record in broker.records("notification")}
    assert published == {f"00-{uploaded.trace}-{id}-01" for id in answers}


def test_spans_say_what_the_conventions_for_messaging_ask_for(traces: tuple[Broker, Collector]) -> None:
    broker, collector = traces
    (record,) = broker.records("image")
    (uploaded,) = collector.of("image-upload", "send image")
    (handled,) = collector.of("rotate-worker", "process image")
    (received,) = collector.of("rotate-worker", "receive image")
    common = {
        "messaging.system": "kafka",
        "messaging.destination.name": "image",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.message.id": dict(record.headers)["ce_id"].decode(),
        "messaging.message.body.size": len(record.value or b""),
    }
    assert uploaded.attributes == common | {
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
    }
    of_group = common | {"messaging.consumer.group.name": "rotate-worker"}
    assert handled.attributes == of_group | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "code.function.name": "rotate",
    }
    assert received.attributes == of_group | {
        "messaging.operation.name": "receive",
        "messaging.operation.type": "receive",
    }
    assert (received.links, received.kind) == ((uploaded.id,), "client")
