"""The printed lines of the contract; no message can forge one."""

import json
import logging

import pytest
from events.conversation import ChatExchanged
from sentiment_consumer import sentences
from sentiment_consumer.sentences import emit, handoff_line, sentiment_line
from service import log


def exchanged(nome: str = "Ana", pergunta: str = "Cadê meu pedido?", sessao: str = "7f3a") -> ChatExchanged:
    return ChatExchanged(sessao=sessao, nome=nome, pergunta=pergunta, resposta="…")


@pytest.mark.parametrize(("sentiment", "face"), [("negative", ":("), ("neutral", ":|"), ("positive", ":)")])
def test_the_line_of_a_sentiment(sentiment: str, face: str) -> None:
    probabilities = dict.fromkeys(("negative", "neutral", "positive"), 0.1) | {sentiment: 0.8}
    assert sentiment_line(exchanged().classified(probabilities)) == f"{face} Ana disse Cadê meu pedido?"


def test_the_line_of_a_handoff() -> None:
    line = "Atendente humano, converse com o usuário Ana na sessão 7f3a! Rápido!"
    assert handoff_line(exchanged().raised(0.9)) == line


@pytest.mark.parametrize(
    "breaker", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029", "\x00", "\u202e"]
)
def test_a_message_cannot_forge_a_line(breaker: str) -> None:
    forged = exchanged(nome=f"Ana{breaker}:( Bia", pergunta=f"oi{breaker}:( Bia disse oi", sessao=f"1{breaker}2")
    for line in (
        sentiment_line(forged.classified({"negative": 1.0, "neutral": 0.0, "positive": 0.0})),
        handoff_line(forged.raised(1)),
    ):
        assert breaker not in line
        assert len(line.splitlines()) == 1


def test_emoji_are_kept_and_long_messages_truncated() -> None:
    family = "👩‍👩‍👧 ❤️"
    neutral = {"negative": 0.0, "neutral": 1.0, "positive": 0.0}
    assert sentiment_line(exchanged(pergunta=family).classified(neutral)) == f":| Ana disse {family}"
    assert len(sentiment_line(exchanged(pergunta="x" * 100_000).classified(neutral))) < 1_100


def test_text_is_the_bare_sentence_and_json_has_details(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sentences, "logs_json", sentences.logs_json.__wrapped__)  # without its cache
    emit(":) Ana disse oi", sessao="7f3a")
    assert capsys.readouterr().out == ":) Ana disse oi\n"
    monkeypatch.setattr(logging.root, "handlers", [])  # restored by monkeypatch
    monkeypatch.setenv("LOG_FORMAT", "json")
    log.configure("sentiment-consumer")
    emit(":) Ana disse oi", sessao="7f3a", confianca=0.9)
    entry = json.loads(capsys.readouterr().out)
    assert (entry["event"], entry["sessao"], entry["confianca"]) == (":) Ana disse oi", "7f3a", 0.9)
