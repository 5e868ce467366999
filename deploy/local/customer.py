"""The customer of `make demo`: asks, is not helped, grows angry, and a human is called."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from surroundings import local_address, port, public_url
from words import PORTUGUESE, say, tell

NAME = "Ana"
PATIENCE = 30.0
"""Seconds until someone must have been called."""
FACES = {"negative": ":(", "neutral": ":|", "positive": ":)"}

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
    sessao = _post("/chat/api/sessions", {"nome": NAME})["sessao"]
    tell(f"\n{NAME} begins to chat ({sessao}):", f"\n{NAME} começa a conversar ({sessao}):")
    said = {}
    robot = say("Bot", "Robô")
    for message in messages():
        began = time.monotonic()
        answer = _post(f"/chat/api/sessions/{sessao}/messages", {"pergunta": message})
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
    with _direct.open(_address(f"/chat/api/sessions/{sessao}/events"), timeout=PATIENCE) as stream:
        for line in stream:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)
            if time.monotonic() > deadline:  # pings come all the time
                raise TimeoutError


def _post(path: str, body: dict[str, str]) -> Any:
    headers = {"Content-Type": "application/json", "Accept-Language": "pt-BR" if PORTUGUESE else "en"}
    request = urllib.request.Request(_address(path), json.dumps(body).encode(), headers)  # noqa: S310 - always http
    try:
        with _direct.open(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        try:
            raise ConnectionError(json.load(error)["detail"]) from None
        except (ValueError, KeyError, TypeError):
            raise ConnectionError(f"{path}: HTTP {error.code}") from None


def _address(path: str) -> str:
    return f"http://{local_address()}:{port('GATEWAY_PORT')}{path}"
