"""The handler as a function, and the startup of the service, without a broker."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from bus import PermanentError
from bus.dead_letters import DeadLetters, Wanted
from bus.testing import Broker
from events.conversation import ChatExchanged, HandoffRaised, SentimentClassified

NO_BROKER = "127.0.0.1:1"


def exchanged(pergunta: str, nome: str = "Ana") -> ChatExchanged:
    return ChatExchanged(sessao="7f3a", nome=nome, pergunta=pergunta, resposta="…", timestamp=12.5)


@pytest.fixture
def service(angry_model: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The main module of the service, with a model that classifies everything as negative."""
    monkeypatch.setenv("SENTIMENT_MODEL", str(angry_model))
    return importlib.reload(importlib.import_module("sentiment_consumer.__main__"))


def test_every_message_is_classified_and_a_negative_one_calls_a_human(
    service: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    said, silent = service.classify([exchanged("não chegou"), exchanged("")])
    classified, raised = said
    assert isinstance(classified, SentimentClassified)
    assert (classified.sessao, classified.nome, classified.pergunta) == ("7f3a", "Ana", "não chegou")
    assert (classified.sentimento, classified.confianca) == ("negative", 1.0)
    assert isinstance(raised, HandoffRaised)
    assert (raised.confianca, raised.timestamp) == (1.0, 12.5)
    assert [one.sentimento for one in silent] == ["neutral"]
    lines = [line for line in capsys.readouterr().out.splitlines() if "quickest ways" not in line]
    assert lines == [
        "Carregando modelo...",
        "Modelo carregado!",
        ":( Ana disse não chegou",
        "Atendente humano, converse com o usuário Ana na sessão 7f3a! Rápido!",
        ":| Ana disse ",
    ]


def test_a_replayed_message_is_classified_as_if_it_had_come_at_its_time(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = service.model

    def broken() -> None:
        raise PermanentError("broken model")

    monkeypatch.setattr(service, "model", broken)
    broker = Broker()
    message = {"sessao": "7f3a", "nome": "Ana", "pergunta": "não chegou", "resposta": "…"}
    place = broker.append("chatbot", json.dumps(message).encode(), b"7f3a", timestamp_ms=12_500)
    with broker.running(service.worker):
        broker.wait_until_handled(service.worker)
        assert broker.records("sentiment") == []
        monkeypatch.setattr(service, "model", works)
        (result,) = DeadLetters(broker).replay(Wanted((service.worker.name,)))
        assert result.outcome == "replayed"
        broker.wait_until_handled(service.worker)
    (classified,), (raised,) = broker.records("sentiment"), broker.events("handoff")
    assert dict(classified.headers)["ce_causationid"] == f"chatbot/{place.partition}/0".encode()
    assert (raised.sessao, raised.timestamp) == ("7f3a", 12.5)
    assert len(broker.records("chatbot")) == 1


def test_labels_may_be_named(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SENTIMENT_LABELS", "positive,neutral,negative")
    monkeypatch.setattr(service, "settings", service.SentimentSettings())
    (said,) = service.classify([exchanged("não chegou")])
    assert [one.sentimento for one in said] == ["positive"]
    assert ":) Ana disse não chegou" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sentiment", "confidence", "calls"),
    [("negative", 0.75, True), ("negative", 0.74, False), ("positive", 1.0, False), ("neutral", 0.9, False)],
)
def test_the_threshold_decides_whether_a_human_is_called(
    service: ModuleType, monkeypatch: pytest.MonkeyPatch, sentiment: str, confidence: float, calls: bool
) -> None:
    monkeypatch.setenv("HANDOFF_THRESHOLD", "0.75")
    monkeypatch.setattr(service, "settings", service.SentimentSettings())
    probabilities = dict.fromkeys(("negative", "neutral", "positive"), 0.0) | {sentiment: confidence}
    assert len(service.events_for(exchanged("x"), probabilities)) == 1 + calls


def started(**env: str) -> subprocess.Popen[str]:
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": NO_BROKER} | env
    command = [sys.executable, "-m", "sentiment_consumer"]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENTIMENT_MODEL", "/not/there"),
        ("SENTIMENT_MODEL", "/tmp"),
        ("SENTIMENT_MODEL", "https://elsewhere.example/model"),
        ("SENTIMENT_LABELS", "joy,anger"),
        ("HANDOFF_THRESHOLD", "1.5"),
        ("HANDOFF_THRESHOLD", "nan"),
        ("KAFKA_PARTITIONS", "x"),
    ],
)
def test_a_wrong_setting_exits_with_one_line(name: str, value: str) -> None:
    process = started(**{name: value})
    output, _none = process.communicate(timeout=120)
    assert process.returncode == 78
    (line,) = output.strip().splitlines()
    assert name in line


def test_an_unreachable_hub_exits_with_one_line(tmp_path: Path) -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(tmp_path)}
    process = started(SENTIMENT_MODEL="someone/some-model", **nowhere)
    output, _none = process.communicate(timeout=120)
    assert process.returncode == 78
    loading, line = output.strip().splitlines()
    assert loading == "Carregando modelo..."
    assert line.startswith("wrong setting: SENTIMENT_MODEL: someone/some-model")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_model_loads_exits_cleanly(tiny_model: Path, signum: signal.Signals) -> None:
    process = started(SENTIMENT_MODEL=str(tiny_model))
    assert process.stdout
    assert process.stdout.readline() == "Carregando modelo...\n"
    time.sleep(0.5)
    process.send_signal(signum)
    try:
        assert process.wait(120) == 0
    finally:
        process.kill()
