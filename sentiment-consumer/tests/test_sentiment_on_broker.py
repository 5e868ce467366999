"""The consumer as a process, against the embedded broker."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.settings import KafkaSettings
from kafka import KafkaAdminClient, KafkaProducer
from suite_fixtures import all_records, eventually

pytestmark = pytest.mark.broker

ANGRY = "não chegou"
CALM = "😀"  # no known token for the tiny model of the tests


class Consumer:
    """The service as a process, with a producer and consumers for its topics."""

    def __init__(self, env: dict[str, str], folder: Path):
        self.env = os.environ | env | {"RUN_DIR": str(folder)}
        self.folder = folder
        self.settings = KafkaSettings()
        self.processes: list[subprocess.Popen[bytes]] = []
        subprocess.run([sys.executable, "-m", "bus.create_topics"], env=self.env, check=True, capture_output=True)
        self.producer = KafkaProducer(**self.settings.connection(), max_request_size=4_000_000)

    def start(self) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        command = [sys.executable, "-m", "sentiment_consumer"]
        with (self.folder / f"log{number}").open("wb") as output:
            process = subprocess.Popen(command, env=self.env, stdout=output, stderr=output)
        self.processes.append(process)
        eventually(lambda: "assigned" in self.log(number) or process.poll() is not None, 90)
        assert process.poll() is None, self.log(number)
        return process

    def log(self, number: int = 0) -> str:
        return (self.folder / f"log{number}").read_text()

    def send(self, value: bytes, key: bytes | None = None, headers: list[tuple[str, bytes]] | None = None) -> Any:
        return self.producer.send(self.settings.topic("chatbot"), value, key, headers or [])

    def say(self, pergunta: str, sessao: str = "7f3a", nome: str = "Ana") -> str:
        """Publish an exchange as the chatbot does; returns its id."""
        event = {"sessao": sessao, "nome": nome, "pergunta": pergunta, "resposta": "…"}
        event_id = str(uuid.uuid4())
        self.send(json.dumps(event).encode(), sessao.encode(), [("ce_id", event_id.encode())])
        return event_id

    def records(self, topic: str) -> list[Any]:
        return all_records(self.settings.topic(topic), **self.settings.connection())

    def wait_for(self, topic: str, number: int, seconds: float = 120) -> list[Any]:
        found = eventually(lambda: len(records := self.records(topic)) >= number and records, seconds)
        assert len(found) == number
        return list(found)

    def rewind(self) -> None:
        """Delete the consumer group, so that all records are delivered again."""
        with KafkaAdminClient(**self.settings.connection()) as admin:
            admin.delete_groups([self.settings.group("sentiment-consumer")])

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.producer.close(timeout=1)


@pytest.fixture
def consumer(kafka_env: dict[str, str], angry_model: Path, tmp_path: Path) -> Iterator[Consumer]:
    consumer = Consumer(kafka_env | {"SENTIMENT_MODEL": str(angry_model)}, tmp_path)
    yield consumer
    consumer.stop()


def headers(record: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def test_a_message_is_classified_and_duplicates_have_the_same_ids(consumer: Consumer) -> None:
    first = consumer.start()
    angry, calm = consumer.say(ANGRY), consumer.say(CALM, sessao="8b", nome="Bia\n:( Eva")
    sentiments = {headers(record)["ce_causationid"]: record for record in consumer.wait_for("sentiment", 2)}
    assert sentiments.keys() == {angry, calm}
    value = json.loads(sentiments[angry].value)
    assert value == {
        "sessao": "7f3a",
        "nome": "Ana",
        "pergunta": ANGRY,
        "sentimento": "negative",
        "confianca": 1.0,
        "probabilidades": {"negative": 1.0, "neutral": 0.0, "positive": 0.0},
    }
    assert sentiments[angry].key == b"7f3a"
    assert headers(sentiments[angry])["ce_type"] == "chat.sentiment-classified"
    assert json.loads(sentiments[calm].value)["sentimento"] == "neutral"
    (raised,) = consumer.wait_for("handoff", 1)
    handoff = json.loads(raised.value)
    (said,) = (record for record in consumer.records("chatbot") if headers(record)["ce_id"] == angry)
    assert handoff == {
        "sessao": "7f3a",
        "nome": "Ana",
        "pergunta": ANGRY,
        "confianca": 1.0,
        "timestamp": said.timestamp / 1000,
    }
    assert (raised.key, headers(raised)["ce_causationid"]) == (b"7f3a", angry)
    lines = consumer.log().splitlines()
    assert lines[:2] == ["Carregando modelo...", "Modelo carregado!"]
    for line in (
        f":( Ana disse {ANGRY}",
        "Atendente humano, converse com o usuário Ana na sessão 7f3a! Rápido!",
        f":| Bia :( Eva disse {CALM}",
    ):
        assert lines.count(line) == 1

    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    consumer.rewind()
    consumer.start()
    deliveries = Counter(headers(record)["ce_id"] for record in consumer.wait_for("sentiment", 4))
    assert deliveries == dict.fromkeys((headers(record)["ce_id"] for record in sentiments.values()), 2)
    assert len({headers(record)["ce_id"] for record in consumer.wait_for("handoff", 2)}) == 1


def test_a_foreign_record_without_key_and_headers_is_classified(consumer: Consumer) -> None:
    consumer.start()
    event = {"sessao": "s-1", "nome": "Zé", "pergunta": ANGRY, "resposta": "ok", "mais": [1]}
    sent = consumer.send(json.dumps(event).encode()).get(60)
    (sentiments,) = consumer.wait_for("sentiment", 1)
    assert headers(sentiments)["ce_causationid"] == f"chatbot/{sent.partition}/{sent.offset}"
    assert sentiments.key == b"s-1"


def test_malformed_records_become_dead_letters_and_block_nothing(consumer: Consumer) -> None:
    full = {"sessao": "7f3a", "nome": "Ana", "pergunta": "oi", "resposta": ""}
    poison = [
        b"no json",
        b"",
        b"[]",
        b'{"nome": "Ana", "pergunta": "oi", "resposta": ""}',
        json.dumps(full | {"pergunta": 7}).encode(),
        json.dumps(full | {"sessao": ""}).encode(),
        b'{"sessao": "' + b"x" * 1_000_000 + b'"}',
        b"\xff\xfe" * 1000,
    ]
    for value in poison:
        consumer.send(value, b"7f3a")
        consumer.say(ANGRY)
    consumer.start()
    consumer.wait_for("sentiment", len(poison))
    letters = consumer.wait_for("sentiment-consumer.dlq", len(poison))
    assert sorted(letter.value for letter in letters) == sorted(poison)
    for letter in letters:
        assert headers(letter)["dlq-error"] == "Undecodable"
        assert headers(letter)["dlq-message"]
        assert headers(letter)["dlq-group"].endswith("sentiment-consumer")


def test_the_largest_message_is_classified(consumer: Consumer) -> None:
    consumer.start()
    # The sentiment event contains the text, and must fit into a record too.
    consumer.say("não " * 120_000)
    (sentiments,) = consumer.wait_for("sentiment", 1)
    assert json.loads(sentiments.value)["sentimento"] == "negative"


def test_under_load_no_message_is_lost_and_conversations_keep_their_order(consumer: Consumer) -> None:
    said = [(f"s{number % 7}", f"{number} {ANGRY if number % 3 else CALM}") for number in range(400)]
    for session, text in said:
        consumer.say(text, sessao=session)
    process = consumer.start()
    for session, text in said[:50]:
        consumer.say(text, sessao=session)
    sentiments = consumer.wait_for("sentiment", 450)
    for session in {session for session, _text in said}:
        mine = [json.loads(record.value)["pergunta"] for record in sentiments if record.key == session.encode()]
        assert mine == [text for one, text in [*said, *said[:50]] if one == session]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert "stopped" in consumer.log()


def test_with_json_logs_every_line_is_json(consumer: Consumer) -> None:
    consumer.env["LOG_FORMAT"] = "json"
    consumer.start()
    consumer.say(ANGRY)
    consumer.wait_for("handoff", 1)
    entries = [json.loads(line) for line in consumer.log().splitlines()]
    (said,) = (entry for entry in entries if entry["event"] == f":( Ana disse {ANGRY}")
    assert (said["sessao"], said["sentimento"], said["service"]) == ("7f3a", "negative", "sentiment-consumer")
    assert entries[0]["event"] == "Carregando modelo..."
