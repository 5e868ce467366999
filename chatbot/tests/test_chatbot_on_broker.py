"""The service as processes, against the embedded broker."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from bus import KafkaSettings
from bus.producer import Outgoing, Producer
from doorkeeper import Doorkeeper
from events import Cause
from events.conversation import ChatExchanged
from kafka import KafkaProducer
from service import EXIT_CONFIG
from suite_fixtures import Broker, eventually, free_port

pytestmark = pytest.mark.broker

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "python:chatbot.gunicorn_conf"]
TOKEN = "segredo"


class Service:
    """The service as processes: gunicorn's master and its workers."""

    def __init__(self, folder: Path, env: dict[str, str]):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/chat"
        self._log = folder / f"log-{self.port}"
        env = os.environ | {"BIND": f"127.0.0.1:{self.port}", "ATTENDANT_TOKEN": TOKEN} | env
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(GUNICORN, env=env, stdout=log, stderr=log)

    def log(self) -> str:
        return self._log.read_text()

    def ready(self) -> "Service":
        eventually(lambda: self.process.poll() is not None or self.is_ok("readyz"), 60)
        assert self.process.poll() is None, self.log()
        return self

    def is_ok(self, path: str) -> bool:
        try:
            return requests.get(f"{self.url}/{path}", timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def post(self, path: str, key: str | None = None, **body: str) -> requests.Response:
        """`key`: the request's Idempotency-Key."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": key}  # requests omits a header that is None
        return requests.post(f"{self.url}/api/{path}", json=body, headers=headers, timeout=30)

    def begin(self, nome: str = "Ana") -> str:
        response = self.post("sessions", nome=nome)
        assert response.status_code == 201, response.text
        return str(response.json()["sessao"])

    def say(self, sessao: str, pergunta: str) -> dict[str, Any]:
        response = self.post(f"sessions/{sessao}/messages", pergunta=pergunta)
        assert response.status_code == 200, response.text
        body: dict[str, Any] = response.json()
        return body

    def attend(self, sessao: str, action: str, **body: str) -> requests.Response:
        return self.post(f"attendant/sessions/{sessao}/{action}", **body)

    def queue(self) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        response = requests.get(f"{self.url}/api/attendant/sessions", headers=headers, timeout=30)
        rows: list[dict[str, Any]] = response.json()["sessions"]
        return rows

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()


class Listener:
    """Reads an event stream in a thread; sets `ended` when the service closes it."""

    def __init__(self, service: Service, path: str):
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.ended = threading.Event()
        self._answer = requests.get(
            f"{service.url}/api/{path}", headers={"Authorization": f"Bearer {TOKEN}"}, stream=True, timeout=60
        )
        assert self._answer.headers["Content-Type"].startswith("text/event-stream"), self._answer.text
        self._lines = self._answer.iter_lines(chunk_size=1)
        assert next(self._lines) == b"retry: 2000"
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        name = ""
        try:
            for line in self._lines:
                if line.startswith(b"event: "):
                    name = line.removeprefix(b"event: ").decode()
                elif line.startswith(b"data: "):
                    self.events.append((name, json.loads(line.removeprefix(b"data: "))))
        except requests.RequestException:
            pass
        self.ended.set()

    def texts(self) -> list[str]:
        return [data["texto"] for name, data in self.events if name == "message"]

    def state(self) -> dict[str, Any]:
        return next((data for name, data in reversed(self.events) if name == "state"), {})


@pytest.fixture
def make_service(kafka_env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts services that are replicas of each other."""
    services: list[Service] = []

    def make(**env: str) -> Service:
        services.append(Service(tmp_path, kafka_env | env))
        return services[-1].ready()

    yield make
    for service in services:
        service.stop()


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service()


@pytest.fixture
def replicas(make_service: Callable[..., Service]) -> tuple[Service, Service]:
    return make_service(), make_service()


@pytest.fixture
def classify_as_negative(kafka_env: dict[str, str]) -> Iterator[Callable[..., None]]:
    """Publishes the sentiment of a message and a handoff, as the sentiment consumer does."""
    producer = Producer(KafkaSettings())

    def publish(sessao: str, id: str, pergunta: str) -> None:
        exchange = ChatExchanged(sessao=sessao, nome="Ana", pergunta=pergunta, resposta="", timestamp=time.time())
        sentiment = exchange.classified({"negative": 0.9, "neutral": 0.08, "positive": 0.02})
        producer.publish(
            [
                Outgoing.of("sentiment", sentiment.encoded(), "test", Cause(id)),
                Outgoing.of("handoff", exchange.raised(0.9).encoded(), "test", Cause(id)),
            ]
        )

    yield publish
    producer.close()


def test_a_handoff_is_live_on_both_sides(
    replicas: tuple[Service, Service], classify_as_negative: Callable[..., None]
) -> None:
    """The customer and the attendant use different replicas."""
    customers, attendants = replicas
    queue = Listener(attendants, "attendant/events")
    sessao = customers.begin()
    page = Listener(customers, f"sessions/{sessao}/events")
    said = customers.say(sessao, "Isto é um absurdo!")
    assert "Não sei" in said["resposta"]
    classify_as_negative(sessao, said["id"], "Isto é um absurdo!")
    assert eventually(lambda: page.state().get("estado") == "waiting")
    assert ("sentiment", {"id": said["id"], "sentimento": "negative", "confianca": 0.9}) in page.events
    row = eventually(lambda: next((row for _, row in queue.events if row["estado"] == "waiting"), None))
    assert (row["sessao"], row["reason"]["pergunta"]) == (sessao, "Isto é um absurdo!")

    assert attendants.attend(sessao, "take", atendente="Bia").status_code == 200
    eventually(lambda: page.state() == {"estado": "human", "atendente": "Bia"})
    assert customers.say(sessao, "Olá?")["resposta"] == ""
    assert attendants.attend(sessao, "messages", atendente="Bia", mensagem="Aqui é a Bia").status_code == 200
    eventually(lambda: "Aqui é a Bia" in page.texts())
    assert attendants.attend(sessao, "release", atendente="Bia").status_code == 200
    eventually(lambda: page.state() == {"estado": "bot", "atendente": None})
    eventually(lambda: customers.say(sessao, "Olá!")["resposta"] == "Oi")
    assert eventually(lambda: attendants.queue() == customers.queue())


def test_of_two_takes_at_two_replicas_one_wins(replicas: tuple[Service, Service]) -> None:
    for turn in range(8):
        sessao = replicas[turn % 2].begin()
        with ThreadPoolExecutor(2) as pool:
            takes = [
                pool.submit(replica.attend, sessao, "take", atendente=name)
                for replica, name in zip(replicas, ("Bia", "Rui"), strict=True)
            ]
        responses = [one.result() for one in takes]
        assert sorted(response.status_code for response in responses) == [200, 409], [
            response.text for response in responses
        ]
        (loser,) = (response.json() for response in responses if response.status_code == 409)
        (winner,) = (response.json() for response in responses if response.status_code == 200)
        assert loser["atendente"] == winner["atendente"]
        for replica in replicas:
            assert replica.attend(sessao, "close", atendente="Eva").json()["atendente"] == winner["atendente"]


def test_a_message_repeated_at_any_replica_is_shown_once(replicas: tuple[Service, Service]) -> None:
    """A replica that has not read the first event publishes it again; readers drop the duplicate by its id."""
    sessao = replicas[0].begin()
    with ThreadPoolExecutor(8) as pool:
        path, key = f"sessions/{sessao}/messages", "k" * 32
        requests_sent = [pool.submit(replicas[turn % 2].post, path, key, pergunta="Olá") for turn in range(8)]
    assert len({one.result().text for one in requests_sent}) == 1, [one.result().text for one in requests_sent]
    replicas[0].say(sessao, "Tchau")
    for replica in replicas:
        page = Listener(replica, f"sessions/{sessao}/events")
        eventually(lambda page=page: len(page.texts()) >= 4)  # type: ignore[misc]
        assert page.texts()[:-1] == ["Olá", "Oi", "Tchau"]


def test_a_session_is_known_at_the_other_replica_at_once(replicas: tuple[Service, Service]) -> None:
    for _ in range(5):
        assert replicas[1].say(replicas[0].begin(), "Olá")["resposta"] == "Oi"


def test_history_survives_a_restart(make_service: Callable[..., Service]) -> None:
    before = make_service()
    sessao = before.begin()
    said = [before.say(sessao, text) for text in ("Olá", "Quem é você?", "obrigado")]
    before.attend(sessao, "take", atendente="Bia")
    before.attend(sessao, "messages", atendente="Bia", mensagem="Aqui é a Bia")
    first = Listener(before, f"sessions/{sessao}/events")
    eventually(first.state)
    before.stop()
    after = make_service()
    reconnected = Listener(after, f"sessions/{sessao}/events")
    eventually(reconnected.state)
    assert reconnected.events == first.events
    assert [text for text in reconnected.texts() if text == said[1]["resposta"]]
    assert after.say(sessao, "Olá")["resposta"] == ""


def test_an_unknown_session_is_404(service: Service) -> None:
    assert service.post(f"sessions/{uuid.uuid4()}/messages", pergunta="Oi").status_code == 404
    assert requests.get(f"{service.url}/api/sessions/unknown/events", timeout=30).status_code == 404


def test_foreign_records_are_shown_and_malformed_ones_ignored(service: Service) -> None:
    settings, sessao = KafkaSettings(), f"aula-{uuid.uuid4().hex}"
    exchange = {"sessao": sessao, "nome": "Zé", "pergunta": "<b>Oi</b>", "resposta": "Olá"}
    with KafkaProducer(**settings.connection()) as producer:
        for value in (b"no json", b'{"sessao": 1}', json.dumps(exchange).encode(), b"x" * 900_000):
            producer.send(settings.topic("chatbot"), value=value)
        producer.flush()
    page = Listener(service, f"sessions/{sessao}/events")
    eventually(lambda: page.texts() == ["<b>Oi</b>", "Olá"])
    assert [row["nome"] for row in service.queue()] == ["Zé"]


def test_many_open_streams_get_events_and_end_on_sigterm(service: Service) -> None:
    sessao = service.begin()
    listeners = [Listener(service, f"sessions/{sessao}/events") for _ in range(60)]
    others = [Listener(service, f"sessions/{service.begin()}/events") for _ in range(5)]
    queue = Listener(service, "attendant/events")
    service.say(sessao, "Olá")
    for listener in listeners:
        eventually(lambda listener=listener: listener.texts() == ["Olá", "Oi"])
    eventually(lambda: any(row.get("last_message") == "Olá" for _, row in queue.events))
    assert [listener.texts() for listener in others] == [[]] * 5
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(30) == 0, service.log()
    assert all(listener.ended.wait(30) for listener in [*listeners, *others, queue])


def test_a_generated_token_is_printed_once_in_a_working_link(make_service: Callable[..., Service]) -> None:
    service = make_service(ATTENDANT_TOKEN="", PUBLIC_URL="http://chat.example/", LOG_LEVEL="debug")
    (found,) = re.findall(
        r"^Attendants: http://chat\.example(/chat/attendant\?token=\S+)$", service.log(), re.MULTILINE
    )
    token = found.partition("=")[2]
    assert len(token) >= 32
    visitor = requests.Session()
    response = visitor.get(f"{service.url}{found.removeprefix('/chat')}", timeout=30)
    assert (response.status_code, response.url) == (200, f"{service.url}/attendant")
    assert visitor.get(f"{service.url}/api/attendant/sessions", timeout=30).status_code == 200
    (worker,) = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split()
    os.kill(int(worker), signal.SIGKILL)  # its replacement has the same token
    eventually(lambda: service.is_ok("readyz"))
    assert visitor.get(f"{service.url}/api/attendant/sessions", timeout=30).status_code == 200
    service.stop()
    assert service.log().count(token) == 1


def test_a_configured_token_is_not_printed(service: Service) -> None:
    assert "Attendants: http://localhost:8080/chat/attendant\n" in service.log()
    assert TOKEN not in service.log()


def test_a_token_may_come_from_a_file(make_service: Callable[..., Service], tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    service = make_service(ATTENDANT_TOKEN="", ATTENDANT_TOKEN_FILE=str(tmp_path / "token"))
    assert service.queue() == []


def test_without_a_broker_the_service_runs_and_is_not_ready(tmp_path: Path) -> None:
    service = Service(tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    try:
        eventually(lambda: service.is_ok("healthz"))
        ready = requests.get(f"{service.url}/readyz", timeout=30)
        assert (ready.status_code, ready.json()["checks"]) == (503, {"broker": False, "conversations": False})
        response = service.post("sessions", nome="Ana")
        assert (response.status_code, response.json()["type"]) == (503, "urn:problem:broker-away")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0, service.log()
    finally:
        service.stop()


def test_a_broker_that_starts_late_is_found(tmp_path: Path) -> None:
    port = free_port()
    service = Service(tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{port}", "KAFKA_FETCH_MAX_WAIT_MS": "50"})
    eventually(lambda: service.is_ok("healthz"))
    broker = Broker(port)
    try:
        service.ready()
        assert service.say(service.begin(), "Olá")["resposta"] == "Oi"
    finally:
        service.stop()
        broker.stop()


WRONG_SETTINGS = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker",
    "KAFKA_PARTITIONS": "0",
    "LOG_LEVEL": "loud",
    "ATTENDANT_TOKEN_FILE": "/not/there",
    "ATTENDANT_TOKEN": " ",
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_exits_with_one_line(tmp_path: Path, name: str) -> None:
    service = Service(tmp_path, {"ATTENDANT_TOKEN": "", name: WRONG_SETTINGS[name]})
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


def test_a_login_refused_later_exits_too(doorkeeper: Doorkeeper, tmp_path: Path) -> None:
    service = Service(tmp_path, doorkeeper.env).ready()
    try:
        listener = Listener(service, f"sessions/{service.begin()}/events")
        doorkeeper.turn_out()
        assert service.process.wait(60) == EXIT_CONFIG, service.log()
        assert listener.ended.wait(30)
    finally:
        service.stop()
