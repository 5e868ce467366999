"""The chat: a question by a real POST, and the robot's answer.

One conversation lasts as long as the suite knows it: the question is the same each time, under the same key, so it
stands there once, and the attendants' queue does not fill up.
"""

import argparse
import json
import time
from pathlib import Path
from urllib.parse import quote

from nagiosplugin import Metric

from .plugin import Arguments, Failed, Found, add_memory, run, said
from .web import add_url, ask_json, host_of

NAME, QUESTION, KEY = "Nagios", "Olá", "nagios-conversa-0001"


def check_conversa() -> None:
    """Ask the robot something; the answer must not be empty."""
    parser = Arguments("Faz uma pergunta ao robô do chat.", "5", "10", of="segundos até a resposta")
    add_url(parser, "onde a suíte está: http://localhost:8080")
    add_memory(parser, "conversa", "lembra aqui a conversa, para não abrir outra")
    run("conversa", parser, _look, host_of, ["tempo"])


def _look(arguments: argparse.Namespace) -> Found:
    begin = time.monotonic()
    session = _recalled(arguments.memoria)
    status, answer = _ask(session, arguments) if session else (404, None)
    if status == 404:
        session = _open(arguments)
        begin = time.monotonic()
        status, answer = _ask(session, arguments)
    if status != 200:
        raise Failed(f"o chat responde {status} à pergunta {QUESTION!r}")
    reply = answer.get("resposta") if isinstance(answer, dict) else None
    if not reply:
        arguments.memoria.unlink(missing_ok=True)  # an attendant may have taken it: ask in another the next time
        raise Failed(f"o robô não respondeu à pergunta {QUESTION!r}")
    return [
        said(f"o robô responde {reply!r}"),
        Metric("tempo", round(time.monotonic() - begin, 3), "s", min=0, context="tempo"),
    ]


def _ask(session: str, arguments: argparse.Namespace) -> tuple[int, object]:
    url = f"{arguments.url}/chat/api/sessions/{quote(session)}/messages"
    return ask_json(arguments, url, {"pergunta": QUESTION}, **{"Idempotency-Key": KEY})


def _open(arguments: argparse.Namespace) -> str:
    status, answer = ask_json(arguments, f"{arguments.url}/chat/api/sessions", {"nome": NAME})
    if status != 201 or not isinstance(answer, dict) or answer.get("nome") != NAME:
        raise Failed(f"o chat responde {status} a quem abre uma conversa")
    session = str(answer["sessao"])
    arguments.memoria.parent.mkdir(parents=True, exist_ok=True)
    arguments.memoria.write_text(json.dumps({"sessao": session}), "utf-8")
    return session


def _recalled(memory: Path) -> str:
    try:
        return str(json.loads(memory.read_text("utf-8"))["sessao"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
