"""Pages and APIs: the answer has to come in time and say what is expected."""

import argparse
import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from nagiosplugin import Metric

from .plugin import Arguments, Failed, Found, run, said

MAX_BODY_BYTES = 32 * 1024 * 1024
SHOWN_CHARACTERS = 80
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never through a proxy: what is watched is in the same network."""


def ask(
    arguments: argparse.Namespace, url: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[int, bytes]:
    """The status and the body of the answer. Raises Failed where none comes within `prazo`."""
    given = {"Accept-Language": "pt-BR", "User-Agent": "nagios", **headers}
    if arguments.nome:
        given["Host"] = arguments.nome
    try:
        request = urllib.request.Request(url, body, given, method=method)  # noqa: S310 - of whoever set the plugin up
        with _opener.open(request, timeout=arguments.prazo) as response:
            return response.status, response.read(MAX_BODY_BYTES)
    except urllib.error.HTTPError as error:
        return error.code, error.read(MAX_BODY_BYTES)
    except urllib.error.URLError as error:
        raise Failed(f"{url} não responde: {error.reason}") from None
    except (OSError, ValueError) as error:
        raise Failed(f"{url} não responde: {error or type(error).__name__}") from None


def ask_json(arguments: argparse.Namespace, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """POST `body`, or GET without one; the status and what the answer's JSON says, None where it is none."""
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    if data:
        headers["Content-Type"] = "application/json"
    status, answer = ask(arguments, url, "POST" if data else "GET", data, **headers)
    try:
        return status, json.loads(answer)
    except ValueError:
        return status, None


def add_url(parser: Arguments, help: str | None = None) -> None:
    parser.add_argument("url", type=http_url, help=help)
    parser.add_argument("--nome", metavar="NOME", help="por que nome a página é pedida (Host), se não é o da URL")


def host_of(arguments: argparse.Namespace) -> str | None:
    return urlsplit(str(arguments.url)).hostname


def http_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"não é um endereço http:// ou https://: {text}")
    return text


def check_pagina() -> None:
    """GET a page: status 200, and the expected text in it."""
    parser = Arguments("Pede uma página e procura nela um texto.", "5", "10", of="segundos até a resposta")
    add_url(parser)
    parser.add_argument("--espera", metavar="TEXTO", help="o que a página precisa conter")

    def look(arguments: argparse.Namespace) -> Found:
        begin = time.monotonic()
        status, body = ask(arguments, arguments.url)
        took = time.monotonic() - begin
        if status != 200:
            raise Failed(f"{arguments.url} responde {status}: {_shown(body)}")
        if arguments.espera and arguments.espera not in body.decode("utf-8", "replace"):
            raise Failed(f"{arguments.url} não contém {arguments.espera!r}")
        found = f", com {arguments.espera!r}" if arguments.espera else ""
        return [
            said(f"{arguments.url} responde {status}{found}"),
            Metric("tempo", round(took, 3), "s", min=0, context="tempo"),
            Metric("tamanho", len(body), "B", min=0, context="default"),
        ]

    run("pagina", parser, look, host_of, ["tempo"])


def check_api() -> None:
    """POST JSON to an API: what comes back has to contain the expected fields with the expected values."""
    parser = Arguments("Faz um POST de verdade e confere a resposta.", "5", "10", of="segundos até a resposta")
    add_url(parser)
    parser.add_argument("--corpo", metavar="JSON", type=_json, required=True, help="o que é enviado")
    parser.add_argument("--espera", metavar="JSON", type=_json, required=True, help="campos que a resposta precisa ter")

    def look(arguments: argparse.Namespace) -> Found:
        begin = time.monotonic()
        status, answer = ask_json(arguments, arguments.url, arguments.corpo)
        took = time.monotonic() - begin
        if not 200 <= status < 300:
            detail = answer.get("detail", "") if isinstance(answer, dict) else ""
            raise Failed(f"{arguments.url} responde {status} {detail}".rstrip())
        if not contains(answer, arguments.espera):
            wanted, got = json.dumps(arguments.espera, ensure_ascii=False), json.dumps(answer, ensure_ascii=False)
            raise Failed(f"{arguments.url} responde {got[:SHOWN_CHARACTERS]}, e não {wanted}")
        return [
            said(f"{arguments.url} responde {json.dumps(answer, ensure_ascii=False)[:SHOWN_CHARACTERS]}"),
            Metric("tempo", round(took, 3), "s", min=0, context="tempo"),
        ]

    run("api", parser, look, host_of, ["tempo"])


def contains(answer: Any, expected: Any) -> bool:
    """Whether `answer` has every field of `expected` with its value."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            key in answer and contains(answer[key], value) for key, value in expected.items()
        )
    return bool(answer == expected)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"não é JSON: {error}") from None


def _shown(body: bytes) -> str:
    return " ".join(body.decode("utf-8", "replace").split())[:SHOWN_CHARACTERS]
