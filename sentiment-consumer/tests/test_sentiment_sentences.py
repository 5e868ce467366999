"""The lines that the contract names, and that no message can forge another."""

import json
import logging

import pytest
from bus import log
from bus.conversation import ChatExchanged
from sentiment_consumer import sentences
from sentiment_consumer.sentences import called, said, tell


def exchanged(nome: str = "Ana", pergunta: str = "Cadê meu pedido?", sessao: str = "7f3a") -> ChatExchanged:
    return ChatExchanged(sessao=sessao, nome=nome, pergunta=pergunta, resposta="…")


@pytest.mark.parametrize(("sentiment", "face"), [("negative", ":("), ("neutral", ":|"), ("positive", ":)")])
def test_a_face_a_name_and_the_words(sentiment: str, face: str) -> None:
    readings = dict.fromkeys(("negative", "neutral", "positive"), 0.1) | {sentiment: 0.8}
    assert said(exchanged().classified(readings)) == f"{face} Ana disse Cadê meu pedido?"


def test_the_call_for_a_human() -> None:
    line = "Atendente humano, converse com o usuário Ana na sessão 7f3a! Rápido!"
    assert called(exchanged().raised(0.9)) == line


@pytest.mark.parametrize(
    "breaker", ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x1b[2K", "\x85", "\u2028", "\u2029", "\x00", "\u202e"]
)
def test_a_message_cannot_forge_a_line(breaker: str) -> None:
    forged = exchanged(nome=f"Ana{breaker}:( Bia", pergunta=f"oi{breaker}:( Bia disse oi", sessao=f"1{breaker}2")
    for line in (said(forged.classified({"negative": 1.0, "neutral": 0.0, "positive": 0.0})), called(forged.raised(1))):
        assert breaker not in line
        assert len(line.splitlines()) == 1


def test_emoji_stay_whole_and_a_long_message_is_cut() -> None:
    family = "👩‍👩‍👧 ❤️"
    neutral = {"negative": 0.0, "neutral": 1.0, "positive": 0.0}
    assert said(exchanged(pergunta=family).classified(neutral)) == f":| Ana disse {family}"
    assert len(said(exchanged(pergunta="x" * 100_000).classified(neutral))) < 1_100


def test_text_is_the_sentence_and_json_has_more_beside_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sentences, "for_machines", sentences.for_machines.__wrapped__)  # it remembers its answer
    tell(":) Ana disse oi", sessao="7f3a")
    assert capsys.readouterr().out == ":) Ana disse oi\n"
    monkeypatch.setattr(logging.root, "handlers", [])  # given back afterwards
    monkeypatch.setenv("LOG_FORMAT", "json")
    log.configure("sentiment-consumer")
    tell(":) Ana disse oi", sessao="7f3a", confianca=0.9)
    told = json.loads(capsys.readouterr().out)
    assert (told["event"], told["sessao"], told["confianca"]) == (":) Ana disse oi", "7f3a", 0.9)
