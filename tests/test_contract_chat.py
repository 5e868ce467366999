"""Conversations from outside: what other programs rely on. Runs against `make run` and against the containers."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests
from kafka import KafkaConsumer, KafkaProducer
from suite_fixtures import ATTENDANTS, Suite, eventually

pytestmark = pytest.mark.broker

ANGRY = "Que atendimento horrível! Isso é um absurdo, quero o meu dinheiro de volta!"
LABELS = {"negative", "neutral", "positive"}
FIELDS = ("sessao", "nome", "pergunta", "resposta")


@pytest.fixture(scope="module")
def producer(suite: Suite) -> Iterator[Any]:
    with KafkaProducer(**suite.client(), acks="all", max_request_size=2_000_000) as producer:
        yield producer


class Chat:
    """A conversation through the gateway."""

    def __init__(self, suite: Suite, sessao: str = "", nome: str = "Ana"):
        self.suite = suite
        if not sessao:
            answer = self.post("sessions", nome=nome)
            assert answer.status_code == 201, answer.text
            assert answer.json()["nome"] == nome
            sessao = answer.json()["sessao"]
            assert str(uuid.UUID(sessao)) == sessao
        self.sessao = sessao

    def post(self, path: str, headers: dict[str, str] | None = None, **body: Any) -> requests.Response:
        return requests.post(f"{self.suite.url}/chat/api/{path}", json=body, headers=headers, timeout=30)

    def say(self, pergunta: str) -> str:
        answer = self.post(f"sessions/{self.sessao}/messages", pergunta=pergunta)
        assert answer.status_code == 200, answer.text
        resposta: str = answer.json()["resposta"]
        return resposta

    def attend(self, what: str, atendente: str = "Bia", **more: str) -> requests.Response:
        """What an attendant does."""
        headers = {"Authorization": f"Bearer {self.suite.token}"}
        return self.post(f"attendant/sessions/{self.sessao}/{what}", headers, atendente=atendente, **more)

    def row(self) -> dict[str, Any]:
        """The conversation in the attendants' queue."""
        headers = {"Authorization": f"Bearer {self.suite.token}"}
        answer = requests.get(f"{self.suite.url}/chat/api/attendant/sessions", headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return next((row for row in answer.json()["sessions"] if row["sessao"] == self.sessao), {})

    def present(self) -> list[tuple[str, dict[str, Any]]]:
        """The conversation so far, as a stream begins with it."""
        return self.followed(lambda name, _data: name == "state")

    def followed(self, until: Any) -> list[tuple[str, dict[str, Any]]]:
        """The events of a stream, up to the one that `until` says yes to."""
        events, name = [], ""
        url = f"{self.suite.url}/chat/api/sessions/{self.sessao}/events"
        with requests.get(url, stream=True, timeout=60) as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            for line in stream.iter_lines(chunk_size=1):
                field, _, value = line.decode().partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    events.append((name, json.loads(value)))
                    if until(*events[-1]):
                        return events
        raise AssertionError(f"the stream has ended: {events}")

    def records(self, topic: str) -> list[tuple[dict[str, Any], dict[str, str]]]:
        """Values and headers of what this conversation has on a topic."""
        found = self.suite.records(topic, lambda record: record.key == self.sessao.encode())
        return [
            (json.loads(record.value), {name: value.decode() for name, value in record.headers}) for record in found
        ]


@pytest.fixture
def chat(suite: Suite) -> Chat:
    return Chat(suite)


def texts(events: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    return [(data["de"], data["texto"]) for name, data in events if name == "message"]


def test_an_exchange_is_answered_published_and_streamed(chat: Chat) -> None:
    before = time.time()
    answer = chat.say("Olá")
    assert answer
    ((value, headers),) = chat.records("chatbot")
    assert {name: value[name] for name in FIELDS} == {
        "sessao": chat.sessao,
        "nome": "Ana",
        "pergunta": "Olá",
        "resposta": answer,
    }
    assert headers["ce_specversion"] == "1.0"
    assert headers["content-type"] == "application/json"
    assert {"ce_id", "ce_source", "ce_type", "ce_time", "traceparent"} <= headers.keys()
    ((opened, _),) = chat.records("conversation")
    assert (opened["evento"], opened["nome"]) == ("aberta", "Ana")

    events = [event for event in chat.present() if event[0] != "sentiment"]
    assert texts(events) == [("cliente", "Olá"), ("robo", answer)]
    assert events[0][1]["id"] == headers["ce_id"]
    assert events[0][1]["nome"] == "Ana"
    assert before - 5 < events[0][1]["timestamp"] < time.time() + 5
    assert events[-1] == ("state", {"estado": "bot", "atendente": None})


def test_what_is_sent_again_by_the_same_key_is_said_once(chat: Chat) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    bearer = {"Authorization": f"Bearer {chat.suite.token}"}
    path, reply = f"sessions/{chat.sessao}/messages", {"atendente": "Bia", "mensagem": "Aqui é a Bia"}
    first = chat.post(path, key, pergunta="Olá")
    assert first.json()["resposta"]
    assert chat.attend("take").ok
    assert chat.post(path, key, pergunta="Olá").json() == first.json()  # as it was when the bot had it
    answers = [chat.post(f"attendant/{path}", key | bearer, **reply) for _ in range(2)]
    assert chat.attend("release").ok
    answers.append(chat.post(f"attendant/{path}", key | bearer, **reply))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert chat.post(path, pergunta="Olá").json()["id"] != first.json()["id"]
    said = [("cliente", "Olá"), ("robo", first.json()["resposta"])]
    assert texts(chat.present()) == [*said, ("atendente", "Aqui é a Bia"), *said]
    assert chat.post(path, {"Idempotency-Key": "1"}, pergunta="Olá").status_code == 400


@pytest.mark.parametrize(
    ("question", "words"),
    [("Onde está o meu pedido?", {"não", "sei"}), ("Where is my order?", {"do", "not"})],
)
def test_the_language_follows_the_question(chat: Chat, question: str, words: set[str]) -> None:
    assert words <= set(chat.say(question).lower().split())


def test_someone_grows_angry_and_a_human_takes_over(chat: Chat) -> None:
    chat.say("Olá")
    chat.say(ANGRY)
    events = chat.followed(lambda name, data: name == "state" and data["estado"] == "waiting")
    message = next(data["id"] for name, data in events if name == "message" and data["texto"] == ANGRY)
    eventually(lambda: [one for one in chat.row()["sentiments"] if one["id"] == message])
    row = chat.row()
    assert (row["estado"], row["atendente"], row["nome"], row["last_message"]) == ("waiting", None, "Ana", ANGRY)
    assert row["reason"]["pergunta"] == ANGRY
    assert row["reason"]["confianca"] >= 0.6

    felt = next((value, headers) for value, headers in chat.records("sentiment") if value["pergunta"] == ANGRY)
    assert felt[0]["sentimento"] == "negative"
    assert felt[0]["probabilidades"].keys() == LABELS
    assert felt[0]["confianca"] == max(felt[0]["probabilidades"].values())
    assert felt[1]["ce_causationid"] == message
    ((raised, _),) = chat.records("handoff")
    assert (raised["sessao"], raised["nome"], raised["pergunta"]) == (chat.sessao, "Ana", ANGRY)

    taken = chat.attend("take")
    assert (taken.status_code, taken.json()["estado"], taken.json()["atendente"]) == (200, "human", "Bia")
    assert chat.say("Tem alguém aí?") == ""
    assert chat.attend("messages", mensagem="Aqui é a Bia").status_code == 200
    ((reply, _),) = chat.records("chat-reply")
    assert (reply["sessao"], reply["atendente"], reply["mensagem"]) == (chat.sessao, "Bia", "Aqui é a Bia")
    assert texts(chat.present())[-2:] == [("cliente", "Tem alguém aí?"), ("atendente", "Aqui é a Bia")]
    assert chat.present()[-1] == ("state", {"estado": "human", "atendente": "Bia"})

    second = chat.attend("take", "Rui")
    assert (second.status_code, second.json()["atendente"]) == (409, "Bia")
    assert second.headers["Content-Type"] == "application/problem+json"
    for what in ("messages", "release", "close"):
        assert chat.attend(what, "Rui", mensagem="Oi").status_code == 409

    assert chat.attend("release").json()["estado"] == "bot"
    assert chat.say("Olá")
    assert chat.attend("close", "Rui").json()["estado"] == "closed"
    assert chat.present()[-1] == ("state", {"estado": "closed", "atendente": None})
    changes = [(value["evento"], value.get("atendente")) for value, _ in chat.records("conversation")]
    assert changes == [("aberta", None), ("assumida", "Bia"), ("devolvida", "Bia"), ("encerrada", "Rui")]


def test_attendants_are_mailed_once_for_each_waiting(suite: Suite) -> None:
    name = f"Ana {uuid.uuid4().hex[:6]}"
    chat = Chat(suite, nome=name)

    def mails() -> int:
        return sum(name in subject for subject in suite.mails(ATTENDANTS))

    chat.say(ANGRY)
    eventually(lambda: mails() == 1)
    chat.say(ANGRY)
    eventually(lambda: len(chat.records("handoff")) == 2)
    assert chat.attend("take").ok
    assert chat.attend("release").ok
    chat.say(ANGRY)
    eventually(lambda: mails() > 1)
    assert mails() == 2


def test_two_attendants_cannot_take_the_same(suite: Suite) -> None:
    for _ in range(5):
        chat = Chat(suite)
        with ThreadPoolExecutor(4) as at_once:
            asked = {name: at_once.submit(chat.attend, "take", name) for name in ("Bia", "Rui", "Eva", "Leo")}
        answers = {name: one.result() for name, one in asked.items()}
        (winner,) = (name for name, answer in answers.items() if answer.status_code == 200)
        assert {answer.json()["atendente"] for answer in answers.values()} == {winner}


def test_the_queue_is_live(suite: Suite, chat: Chat) -> None:
    url, headers = f"{suite.url}/chat/api/attendant/events", {"Authorization": f"Bearer {suite.token}"}
    with requests.get(url, headers=headers, stream=True, timeout=60) as stream:
        rows = (json.loads(line[6:]) for line in stream.iter_lines(chunk_size=1) if line.startswith(b"data: "))
        assert next(row for row in rows if row["sessao"] == chat.sessao)["estado"] == "bot"
        chat.say(ANGRY)
        waiting = next(row for row in rows if row["sessao"] == chat.sessao and row["estado"] == "waiting")
        assert waiting["reason"]["pergunta"] == ANGRY


def test_a_foreign_producer_is_served(suite: Suite, producer: KafkaProducer) -> None:
    """Neither key nor headers, and four fields only."""
    chat = Chat(suite, f"aula-{uuid.uuid4().hex}")
    exchange = {"sessao": chat.sessao, "nome": "Zé", "pergunta": ANGRY, "resposta": "Não sei."}
    sent = producer.send(suite.topic("chatbot"), json.dumps(exchange).encode()).get(60)
    events = chat.followed(lambda name, data: name == "state" and data["estado"] == "waiting")
    id = f"chatbot/{sent.partition}/{sent.offset}"
    assert texts(events) == [("cliente", ANGRY), ("robo", "Não sei.")]
    assert next(data for name, data in events if name == "message")["id"] == id
    eventually(lambda: chat.row()["sentiments"])
    ((felt, headers),) = chat.records("sentiment")
    assert (felt["nome"], felt["pergunta"]) == ("Zé", ANGRY)
    assert headers["ce_causationid"] == id
    assert chat.attend("take").status_code == 200
    assert chat.say("Oi") == ""


def test_a_foreign_clock_that_is_a_day_ahead_freezes_nothing(suite: Suite, producer: KafkaProducer) -> None:
    sessao = str(uuid.uuid4())
    value = {"sessao": sessao, "nome": "Zé", "pergunta": "do futuro", "resposta": ""}
    tomorrow_ms = int((time.time() + 86_400) * 1000)
    producer.send(suite.topic("chatbot"), json.dumps(value).encode(), sessao.encode(), timestamp_ms=tomorrow_ms).get(60)
    chat = Chat(suite, sessao)
    eventually(chat.row)
    assert chat.attend("take").status_code == 200
    assert chat.attend("messages", mensagem="pronto").status_code == 200
    assert chat.attend("release").status_code == 200
    chat.say("Quero falar com uma pessoa.")
    said = [text for _speaker, text in texts(chat.present())]
    assert said[:3] == ["do futuro", "pronto", "Quero falar com uma pessoa."]
    assert chat.row()["estado"] == "waiting"
    assert chat.attend("close").status_code == 200
    assert chat.row()["estado"] == "closed"


def test_who_asks_for_a_person_waits_for_one(chat: Chat) -> None:
    answer = chat.say("human, please")
    assert "person" in answer
    ((handoff, headers),) = chat.records("handoff")
    ((_, of_message),) = chat.records("chatbot")
    assert (handoff["pergunta"], handoff["motivo"]) == ("human, please", "pedido")
    assert headers["ce_causationid"] == of_message["ce_id"]
    assert chat.row()["reason"]["motivo"] == "pedido"


def test_a_foreign_consumer_reads_every_exchange(suite: Suite, chat: Chat) -> None:
    """As courses teach it: a group of one's own, and a loop over the records."""
    sent = {f"mensagem {number}" for number in range(5)}
    for text in sorted(sent):
        chat.say(text)
    consumer = KafkaConsumer(
        suite.topic("chatbot"),
        **suite.client(),
        group_id=suite.group(f"aula-{uuid.uuid4().hex[:6]}"),
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        consumer_timeout_ms=60_000,
        value_deserializer=None,
    )
    with closing(consumer):
        for record in consumer:
            if record.key == chat.sessao.encode():
                value = json.loads(record.value)
                assert all(isinstance(value[name], str) for name in FIELDS)
                sent.discard(value["pergunta"])
            if not sent:
                break
    assert not sent


@pytest.mark.parametrize(
    "value",
    [
        b"no json",
        b"[]",
        b'{"sessao": "x", "nome": "Ana"}',
        b'{"sessao": 7, "nome": "Ana", "pergunta": "Oi", "resposta": ""}',
        b'{"sessao": "x", "nome": "Ana", "pergunta": ["Oi"], "resposta": ""}',
        b'{"sessao": "x", "nome": "' + b"x" * 1_048_000 + b'"}',
    ],
    ids=["no JSON", "no object", "no pergunta", "sessao is a number", "pergunta is a list", "the largest record"],
)
def test_poison_becomes_a_dead_letter_and_holds_nothing_up(
    suite: Suite, producer: KafkaProducer, chat: Chat, value: bytes
) -> None:
    mark = uuid.uuid4().bytes
    sent = producer.send(suite.topic("chatbot"), value, headers=[("mark", mark)]).get(60)
    (letter,) = suite.records("sentiment-consumer.dlq", lambda record: dict(record.headers).get("mark") == mark)
    headers = dict(letter.headers)
    assert letter.value == value
    assert headers["dlq-error"] == b"Undecodable"
    assert headers["dlq-message"]
    assert (headers["dlq-topic"], headers["dlq-partition"], headers["dlq-offset"]) == (
        sent.topic.encode(),
        str(sent.partition).encode(),
        str(sent.offset).encode(),
    )
    chat.say(ANGRY)
    chat.followed(lambda name, _data: name == "sentiment")


@pytest.mark.parametrize(
    "text", ["😡😡😡", "هذا لا يعمل", "<script>alert(1)</script>", "x" * 4_000, "a\nb"],
    ids=["emoji", "right to left", "script", "the longest", "two lines"],
)  # fmt: skip
def test_any_text_is_taken_and_read(chat: Chat, text: str) -> None:
    assert chat.say(text)
    events = chat.followed(lambda name, _data: name == "sentiment")
    assert texts(events)[0] == ("cliente", text)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b'{"pergunta": ""}', 400),
        (b'{"pergunta": "   "}', 400),
        (json.dumps({"pergunta": "x" * 100_000}).encode(), 413),
        (b"no json", 400),
        (b"{}", 422),
        (b'{"pergunta": 7}', 422),
        (b'{"pergunta": "' + b"x" * 1_500_000 + b'"}', 413),
    ],
    ids=["empty", "blank", "100,000 characters", "no JSON", "no pergunta", "a number", "over a megabyte"],
)
def test_a_bad_message_is_refused_in_a_sentence(chat: Chat, data: bytes, status: int) -> None:
    url = f"{chat.suite.url}/chat/api/sessions/{chat.sessao}/messages"
    for language in ("pt-BR", "en"):
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        answer = requests.post(url, data=data, headers=headers, timeout=30)
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.json()["detail"].endswith(".")
    assert texts(chat.present()) == []


def test_an_unknown_session_is_404(suite: Suite) -> None:
    nobody = Chat(suite, str(uuid.uuid4()))
    answer = nobody.post(f"sessions/{nobody.sessao}/messages", pergunta="Oi")
    stream = suite.get(f"/chat/api/sessions/{nobody.sessao}/events")
    for refused in (answer, stream, nobody.attend("take")):
        assert (refused.status_code, refused.headers["Content-Type"]) == (404, "application/problem+json")


def test_attendants_need_the_token(suite: Suite, chat: Chat) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for path in ("sessions", "events"):
            answer = requests.get(f"{suite.url}/chat/api/attendant/{path}", headers=headers, timeout=30)
            assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
            assert chat.sessao not in answer.text
    refused = chat.post(f"attendant/sessions/{chat.sessao}/take", atendente="Bia")
    assert refused.status_code == 403
    assert chat.row()["estado"] == "bot"


def test_the_link_with_the_token_opens_the_console(suite: Suite) -> None:
    visitor = requests.Session()
    assert 'name="token"' in visitor.get(f"{suite.url}/chat/attendant", timeout=30).text
    entered = visitor.get(f"{suite.url}/chat/attendant", params={"token": suite.token}, timeout=30)
    assert (entered.status_code, entered.url) == (200, f"{suite.url}/chat/attendant")
    (cookie,) = (one for one in visitor.cookies if one.name == "attendant")
    assert cookie.path == "/chat"
    assert visitor.get(f"{suite.url}/chat/api/attendant/sessions", timeout=30).status_code == 200


@pytest.mark.parametrize(("proto", "secure"), [("https", True), (None, False), ("http", False), ("https, http", False)])
def test_behind_a_proxy_that_speaks_https_the_cookie_is_secure(suite: Suite, proto: str | None, secure: bool) -> None:
    """The gateway passes on this one word of the proxy; without a proxy there is no such header (None)."""
    url, headers = f"{suite.url}/chat/attendant", {"X-Forwarded-Proto": proto}
    answer = requests.get(url, {"token": suite.token}, headers=headers, allow_redirects=False, timeout=30)
    assert [(cookie.name, cookie.secure) for cookie in answer.cookies] == [("attendant", secure)]


def test_a_flood_is_answered_with_429(chat: Chat) -> None:
    with ThreadPoolExecutor(8) as many:
        path = f"sessions/{chat.sessao}/messages"
        answers = list(many.map(lambda _: chat.post(path, pergunta="Oi"), range(80)))
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_the_command_line_is_in_the_same_conversation(suite: Suite) -> None:
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": suite.broker, "KAFKA_FETCH_MAX_WAIT_MS": "50"}
    answer = subprocess.run(
        [sys.executable, "-m", "chatbot"], env=env, input=f"Ana\nOlá\n{ANGRY}\n", text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (0, "")
    found = re.match(r"Sessão de chat iniciada: (\S+)\nDigite o seu nome: Ana: Robô: ", answer.stdout)
    assert found, answer.stdout
    chat = Chat(suite, found[1])
    events = chat.followed(lambda name, data: name == "state" and data["estado"] == "waiting")
    assert [text for who, text in texts(events) if who == "cliente"] == ["Olá", ANGRY]


def test_pages_keep_to_themselves(suite: Suite) -> None:
    for path in ("/chat/", "/chat/attendant"):
        answer = suite.get(path)
        assert answer.headers["Content-Type"].startswith("text/html")
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    moved = requests.get(f"{suite.url}/chat", allow_redirects=False, timeout=30)
    assert moved.headers["Location"].endswith("/chat/")
