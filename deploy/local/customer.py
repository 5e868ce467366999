"""The customer of `make demo`: asks, is not helped, grows angry, and a human is called."""

import json
import time
from collections.abc import Iterator
from typing import Any

from gateway import request
from surroundings import public_url
from words import PORTUGUESE, say, tell

NAME = "Ana"
PATIENCE = 30.0
"""Seconds until someone must have been called."""
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


def talk() -> bool:
    """Have the conversation, told line by line; whether a human was called. Raises OSError."""
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
        tell(f"Nobody was called within {PATIENCE:.0f} s.", f"Ninguém foi chamado em {PATIENCE:.0f} s.")
    return called


def _follow(sessao: str, said: dict[str, str]) -> bool:
    """Tell how each message sounds; returns when a human is called and all is told, or the time is over."""
    unread, called = set(said), False
    try:
        for name, data in _events(sessao):
            if name == "sentiment" and data["id"] in unread:
                unread.discard(data["id"])
                face = FACES[data["sentimento"]]
                line = f"  {face} {said[data['id']]} ({data['sentimento']}, {data['confianca']:.0%})"
                tell(line, line)
            elif name == "state":
                called |= data["estado"] in ("waiting", "human")
            if called and not unread:
                break
    except TimeoutError:
        pass
    return called


def _events(sessao: str) -> Iterator[tuple[str, Any]]:
    deadline = time.monotonic() + PATIENCE
    name = ""
    with request("GET", f"/chat/api/sessions/{sessao}/events", seconds=PATIENCE, stream=True) as stream:
        for line in stream.iter_lines(chunk_size=1):
            field, _, value = line.decode().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)
            if time.monotonic() > deadline:  # pings come all the time
                raise TimeoutError
