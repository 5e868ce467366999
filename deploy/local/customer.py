"""The customer of `make demo`, who gets angry until a human is called."""

import json
import time
from collections.abc import Iterator
from typing import Any

from environment import public_url
from gateway import request
from words import PORTUGUESE, say, tell

NAME = "Ana"
HANDOFF_TIMEOUT_SECONDS = 30.0
FACES = {"negative": ":(", "neutral": ":|", "positive": ":)"}


def messages() -> list[str]:
    if PORTUGUESE:
        return [
            "Olá!",
            "Onde está o meu pedido?",
            "Já faz duas semanas e nada chegou.",
            "Que atendimento horrível! Isso é um absurdo, quero o meu dinheiro de volta!",
        ]
    return [
        "Hello!",
        "Where is my order?",
        "It has been two weeks and nothing has arrived.",
        "This is the worst support ever! Terrible, I want my money back!",
    ]


def converse() -> bool:
    """Have the conversation and print it. Returns whether a human was called. Raises OSError."""
    sessao = request("POST", "/chat/api/sessions", json={"nome": NAME}).json()["sessao"]
    tell(f"\n{NAME} begins to chat ({sessao}):", f"\n{NAME} começa a conversar ({sessao}):")
    said = {}
    robot = say("Bot", "Robô")
    for message in messages():
        began = time.monotonic()
        answer = request("POST", f"/chat/api/sessions/{sessao}/messages", json={"pergunta": message}).json()
        said[answer["id"]] = message
        seconds = time.monotonic() - began
        tell(f"  {NAME}: {message}", f"  {NAME}: {message}")
        tell(f"  {robot}: {answer['resposta']} ({seconds:.2f} s)", f"  {robot}: {answer['resposta']} ({seconds:.2f} s)")
    called = _follow(sessao, said)
    url = f"{public_url()}/chat/attendant"
    if called:
        tell(f"A human is called; take the conversation: {url}", f"Uma pessoa é chamada; assuma a conversa: {url}")
    else:
        tell(
            f"Nobody was called within {HANDOFF_TIMEOUT_SECONDS:.0f} s.",
            f"Ninguém foi chamado em {HANDOFF_TIMEOUT_SECONDS:.0f} s.",
        )
    return called


def _follow(sessao: str, said: dict[str, str]) -> bool:
    """Print the sentiment of each message until a human is called and all are printed, or the timeout is over.

    Returns whether a human was called.
    """
    unclassified, called = set(said), False
    try:
        for name, data in _events(sessao):
            if name == "sentiment" and data["id"] in unclassified:
                unclassified.discard(data["id"])
                face = FACES[data["sentimento"]]
                line = f"  {face} {said[data['id']]} ({data['sentimento']}, {data['confianca']:.0%})"
                tell(line, line)
            elif name == "state":
                called |= data["estado"] in ("waiting", "human")
            if called and not unclassified:
                break
    except TimeoutError:
        pass
    return called


def _events(sessao: str) -> Iterator[tuple[str, Any]]:
    deadline = time.monotonic() + HANDOFF_TIMEOUT_SECONDS
    name = ""
    with request("GET", f"/chat/api/sessions/{sessao}/events", seconds=HANDOFF_TIMEOUT_SECONDS, stream=True) as stream:
        for line in stream.iter_lines(chunk_size=1):
            field, _, value = line.decode().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)
            if time.monotonic() > deadline:  # pings keep the stream from timing out
                raise TimeoutError
