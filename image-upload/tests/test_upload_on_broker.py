"""The service as a process, against the embedded broker."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from bus.settings import KafkaSettings
from doorkeeper import Doorkeeper
from events import ImageUploaded
from kafka import KafkaConsumer, KafkaProducer
from pictures import Store
from service import EXIT_CONFIG
from suite_fixtures import Broker, eventually, free_port

pytestmark = pytest.mark.broker

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:image_upload.gunicorn_conf"]


class Service:
    """The service as processes: gunicorn's master and its workers."""

    def __init__(self, folder: Path, env: dict[str, str]):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/upload"
        self.store = Store((folder / "store").as_uri())
        self._log = folder / "log"
        env = os.environ | {"BIND": f"127.0.0.1:{self.port}", "STORE_URL": (folder / "store").as_uri()} | env
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(GUNICORN, env=env, stdout=log, stderr=log)

    def log(self) -> str:
        return self._log.read_text()

    def ready(self) -> "Service":
        eventually(lambda: self.process.poll() is not None or self.is_ok("readyz"), 30)
        assert self.process.poll() is None, self.log()
        return self

    def is_ok(self, path: str) -> bool:
        try:
            return requests.get(f"{self.url}/{path}", timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def upload(self, name: str, data: bytes, **fields: str) -> dict[str, Any]:
        response = requests.post(f"{self.url}/api/images", files={"file": (name, data)}, data=fields, timeout=30)
        assert response.status_code == 202, response.text
        image: dict[str, Any] = response.json()["images"][0]
        return image

    def workers(self) -> list[int]:
        return children_of(self.process.pid)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Listener:
    """Reads the event stream in a thread; sets `ended` when the service closes it."""

    def __init__(self, service: Service):
        self.events: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self._answer = requests.get(f"{service.url}/api/events", stream=True, timeout=60)
        assert self._answer.headers["Content-Type"].startswith("text/event-stream")
        self._lines = self._answer.iter_lines(chunk_size=1)
        assert next(self._lines) == b"retry: 2000"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in self._lines:
                if line.startswith(b"data: "):
                    self.events.append(json.loads(line.removeprefix(b"data: ")))
        except requests.RequestException:
            pass
        self.ended.set()

    def last_event(self, image: str) -> dict[str, Any]:
        """The last event about a picture."""
        return next((event for event in reversed(self.events) if event["id"] == image), {})


def records(settings: KafkaSettings, topic: str) -> list[Any]:
    """The records of a topic, as soon as there are any."""
    with KafkaConsumer(
        settings.topic(topic), **settings.connection(), auto_offset_reset="earliest", fetch_max_wait_ms=50
    ) as consumer:
        return eventually(lambda: [record for part in consumer.poll(200).values() for record in part])  # type: ignore[no-any-return]


@pytest.fixture
def service(kafka_env: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path, kafka_env)
    try:
        yield service.ready()
    finally:
        service.stop()


def test_an_upload_is_one_record_with_the_fields_of_the_contract(service: Service, samples: Any) -> None:
    image = service.upload("perfil.jpg", samples.picture("JPEG"), email="ana@exemplo.com", lang="en")
    (record,) = records(KafkaSettings(), "image")
    assert record.key == image["id"].encode()
    value = json.loads(record.value)
    assert (service.store.root / "uploads" / value["new_file"]).read_bytes() == samples.picture("JPEG")
    assert value | {"timestamp": 0} == {
        "timestamp": 0,
        "new_file": image["new_file"],
        "original_name": "perfil.jpg",
        "email": "ana@exemplo.com",
        "telegram_id": None,
        "lang": "en",
    }
    headers = {name: content.decode() for name, content in record.headers}
    assert headers["ce_type"] == "image.uploaded"
    assert headers["ce_source"] == "/image-upload"
    assert {"ce_specversion", "ce_id", "ce_time", "content-type", "traceparent"} <= headers.keys()
    assert "Open http://localhost:8080/upload/" in service.log()


def test_a_bad_file_is_refused_by_a_child_and_never_published(service: Service, samples: Any) -> None:
    response = requests.post(f"{service.url}/api/images", files={"file": ("a.png", samples.bomb())}, timeout=30)
    assert response.status_code == 422
    assert "176.9 megapixels" in response.json()["detail"]
    good = service.upload("a.png", samples.picture())
    (record,) = records(KafkaSettings(), "image")
    assert record.key == good["id"].encode()


def test_records_of_other_programs_reach_every_open_page(service: Service, samples: Any) -> None:
    settings, store = KafkaSettings(), service.store
    listeners = [Listener(service) for _ in range(2)]
    image = service.upload("perfil.png", samples.picture())
    for listener in listeners:
        eventually(lambda listener=listener: listener.last_event(image["id"]))

    store.write(store.result_name("rotate", image["new_file"]), samples.picture(seed=1))
    event = ImageUploaded(new_file=image["new_file"]).finished("rotate", "processed/rotate/x.png")
    (store.root / "uploads" / "foreign.jpg").write_bytes(samples.picture("JPEG"))
    with KafkaProducer(**settings.connection()) as producer:
        producer.send(settings.topic("notification"), value=b"no json")
        producer.send(settings.topic("notification"), value=event.encoded().value.encode())
        producer.send(settings.topic("image"), value=b'{"timestamp": 1, "new_file": "foreign.jpg"}')
        producer.flush()
    for listener in listeners:
        state = eventually(lambda listener=listener: listener.last_event(image["id"])["operations"]["rotate"]["url"])
        assert state == f"/upload/api/images/{image['id']}/rotate"
        assert eventually(lambda listener=listener: listener.last_event("foreign"))["original_name"] == "foreign.jpg"
    shown = requests.get(f"{service.url}/api/images/{image['id']}/rotate", timeout=30)
    assert shown.content == samples.picture(seed=1)


def test_many_open_streams_block_nothing_and_end_on_sigterm(service: Service, samples: Any) -> None:
    listeners = [Listener(service) for _ in range(50)]
    assert service.is_ok("healthz")
    image = service.upload("a.png", samples.picture())
    for listener in listeners:
        eventually(lambda listener=listener: listener.last_event(image["id"]))
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0, service.log()
    assert all(listener.ended.wait(30) for listener in listeners)


def test_on_sigterm_every_upload_is_answered_and_what_was_accepted_is_published(service: Service, samples: Any) -> None:
    def send(number: int) -> requests.Response:
        files = {"file": ("a.png", samples.picture(size=(900, 900), seed=number % 3))}
        return requests.post(f"{service.url}/api/images", files=files, timeout=60)

    with ThreadPoolExecutor(30) as people:
        answers = [people.submit(send, number) for number in range(30)]
        folders = [service.store.root / ".incoming", service.store.root / "uploads"]
        eventually(lambda: sum(path.suffix != ".json" for folder in folders for path in folder.iterdir()) >= 30)
        service.process.send_signal(signal.SIGTERM)
        statuses = {answer.result().status_code: answer.result() for answer in answers}
        accepted = [answer.result() for answer in answers if answer.result().status_code == 202]
    assert service.process.wait(30) == 0, service.log()
    assert statuses.keys() <= {202, 503}
    if 503 in statuses:
        assert statuses[503].json()["type"] == "urn:problem:stopping"
        assert int(statuses[503].headers["Retry-After"]) > 0
    assert accepted
    stored = {path.name for path in (service.store.root / "uploads").glob("*.png")}
    published: set[str] = set()

    def all_published() -> bool:
        published.update(json.loads(record.value)["new_file"] for record in records(KafkaSettings(), "image"))
        return published >= {answer.json()["images"][0]["new_file"] for answer in accepted}

    eventually(all_published)
    assert published <= stored
    assert not list((service.store.root / ".incoming").iterdir())


def test_an_aborted_upload_leaves_no_files(service: Service) -> None:
    head = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    incoming = service.store.root / ".incoming"
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(
            b"POST /upload/api/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n"
            b"Content-Type: multipart/form-data; boundary=edge\r\n\r\n" + head + bytes(200_000)
        )
        eventually(lambda: list(incoming.iterdir()))
    eventually(lambda: not list(incoming.iterdir()))
    assert list((service.store.root / "uploads").iterdir()) == []
    assert service.is_ok("readyz")


def test_a_killed_worker_is_replaced_and_its_children_exit(service: Service, samples: Any) -> None:
    before = service.upload("before.png", samples.picture())
    (worker,) = service.workers()
    checkers = children_of(worker)
    assert checkers
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: service.workers() not in ([], [worker]) and service.is_ok("readyz"))
    after = service.upload("after.png", samples.picture())
    listed = requests.get(f"{service.url}/api/images", timeout=30).json()["images"]
    assert [image["id"] for image in listed] == [after["id"], before["id"]]
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in checkers))


def test_without_a_broker_the_service_runs_and_is_not_ready(tmp_path: Path, samples: Any) -> None:
    service = Service(tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    try:
        eventually(lambda: service.is_ok("healthz"))
        ready = requests.get(f"{service.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()["checks"]) == (503, {"broker": False, "store": True})
        assert "127.0.0.1:9" in ready.json()["reason"]
        response = requests.post(f"{service.url}/api/images", files={"file": ("a.png", samples.picture())}, timeout=30)
        assert response.status_code == 503
        assert response.json()["type"] == "urn:problem:broker-away"
        assert int(response.headers["Retry-After"]) > 0
        assert [path for path in service.store.root.rglob("*") if path.is_file()] == []
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0, service.log()
    finally:
        service.stop()


def test_after_a_broker_hang_every_published_event_has_one_picture(
    tmp_path: Path, kafka_env: dict[str, str], samples: Any
) -> None:
    """Every published event has its picture, and the repeated request did not create another."""
    broker = Broker()
    service = Service(tmp_path, kafka_env | {"KAFKA_BOOTSTRAP_SERVERS": broker.address})

    def send() -> requests.Response:
        files = {"file": ("a.png", samples.picture())}
        return requests.post(
            f"{service.url}/api/images", files=files, headers={"Idempotency-Key": "k" * 32}, timeout=30
        )

    try:
        service.ready().upload("before.png", samples.picture())
        broker.pause()
        response = send()
        assert (response.status_code, response.json()["type"]) == (503, "urn:problem:broker-away")
        broker.resume()
        response = eventually(lambda: (repeated := send()).status_code == 202 and repeated, 60, every=0.5)
        settings = KafkaSettings(kafka_bootstrap_servers=broker.address)
        stored = {path.name for path in (service.store.root / "uploads").glob("*.png")}
        assert len(stored) == 2
        assert response.json()["images"][0]["new_file"] in stored
        published: set[str] = set()

        def all_published() -> bool:
            published.update(json.loads(record.value)["new_file"] for record in records(settings, "image"))
            return len(published) >= 2

        eventually(all_published)
        assert published == stored
    finally:
        broker.resume()
        service.stop()
        broker.stop()


WRONG_SETTINGS = {
    "MAX_UPLOAD_MB": "x",
    "MAX_MEGAPIXELS": "0",
    "UPLOADS_PER_MINUTE": "-1",
    "STORE_URL": "ftp://x",
    "KAFKA_PARTITIONS": "0",
    "KAFKA_BOOTSTRAP_SERVERS": "broker",
    "LOG_LEVEL": "loud",
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_exits_with_one_line(tmp_path: Path, name: str) -> None:
    service = Service(tmp_path, {name: WRONG_SETTINGS[name]})
    try:
        assert service.process.wait(30) == 78, service.log()
    finally:
        service.stop()
    (line,) = service.log().splitlines()
    assert name in line


def test_a_refused_login_exits_with_one_line(doorkeeper: Doorkeeper, tmp_path: Path) -> None:
    doorkeeper.refusals = math.inf
    service = Service(tmp_path, doorkeeper.env)
    assert service.process.wait(60) == EXIT_CONFIG, service.log()
    *lines, last = service.log().splitlines()
    assert last.startswith("wrong setting: KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: ")
    assert not any("wrong setting" in line or "Worker" in line for line in lines)
