"""One tiny picture through the whole pipeline: page, topics, workers, mails; then it is taken away again.

There is never more than one on its way: while the last one waits for a worker, the next look waits with it.
"""

import argparse
import json
import os
import re
import secrets
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from nagiosplugin import Metric

from .plugin import Arguments, CannotTell, Failed, Found, add_memory, run, said
from .web import add_url, ask, ask_json, host_of, http_url

ADDRESS = "sonda@minharede.example"
"""Who is told of the picture, where the mails go to a mail catcher; they are removed there."""
POLL_SECONDS = 0.3
GIVEN_UP_SECONDS = 3_600
"""A picture that has waited for so long is lost, with the topics perhaps; a new one is sent."""
ID = re.compile(r"[\w-]{1,100}", re.ASCII)


@dataclass(frozen=True)
class Sent:
    """A picture on its way: its id, the name that it was sent with, and when, in seconds since 1970."""

    id: str
    name: str
    at: float


def check_imagem() -> None:
    """Send a picture, wait for every result (and mail), and remove all of it."""
    parser = Arguments(
        "Manda uma imagem minúscula por todo o pipeline e a apaga no fim.", "15", "30", of="segundos até o fim"
    )
    parser.set_defaults(prazo=30)
    add_url(parser, "onde a suíte está: http://localhost:8080")
    parser.add_argument(
        "--armazem",
        metavar="PASTA",
        type=Path,
        default=_store(),
        help="onde estão as imagens, para apagá-la; em geral o que STORE_URL diz (make run: .run/data)",
    )
    parser.add_argument(
        "--correio", metavar="URL", type=http_url, help="o MailDev em que os avisos chegam e são apagados"
    )
    add_memory(parser, "imagem", "lembra aqui a imagem que está a caminho")
    run("imagem", parser, _look, host_of, ["tempo"])


def _store() -> Path:
    return Path(unquote(urlsplit(os.environ.get("STORE_URL") or "file:///data").path))


def _look(arguments: argparse.Namespace) -> Found:
    if not os.access(arguments.armazem / "uploads", os.W_OK):
        raise CannotTell(f"--armazem: em {arguments.armazem} não se pode apagar a imagem depois; nenhuma foi mandada")
    deadline = time.monotonic() + arguments.prazo
    sent = _recalled(arguments) or _send(arguments)

    def done() -> bool:
        return not _pending(sent, arguments)

    if not _within(deadline, done):
        raise Failed(f"a imagem de {_clock(sent.at)} ainda espera por: {', '.join(_pending(sent, arguments))}")
    operations = _operations(sent, arguments)
    mails_came = not arguments.correio or _within(deadline, lambda: len(_mails(sent, arguments)) >= len(operations))
    took = time.time() - sent.at
    _take_away(sent, arguments)
    if failed := [name for name, state in operations.items() if state["status"] != "done"]:
        raise Failed(f"não deram certo: {', '.join(failed)} ({operations[failed[0]]['reason']})")
    if not mails_came:
        raise Failed(f"os e-mails da imagem de {_clock(sent.at)} não chegaram todos")
    told = ", avisada por e-mail" if arguments.correio else ""
    return [
        said(f"uma imagem passou por {', '.join(operations)}{told}, e foi apagada"),
        Metric("tempo", round(took, 2), "s", min=0, context="tempo"),
    ]


def _recalled(arguments: argparse.Namespace) -> Sent | None:
    """The picture that an earlier look has left on its way; None if there is none, or it is lost."""
    try:
        sent = Sent(**json.loads(arguments.memoria.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    known = ask(arguments, f"{arguments.url}/upload/api/images/{quote(sent.id)}")[0] != 404
    if known and time.time() - sent.at < GIVEN_UP_SECONDS:
        return sent
    _take_away(sent, arguments)
    return None


def _send(arguments: argparse.Namespace) -> Sent:
    name, boundary, at = f"sonda-{secrets.token_hex(6)}.png", secrets.token_hex(16), time.time()
    parts = [f'name="file"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'.encode() + picture()]
    fields = {"lang": "pt-BR"} | ({"email": ADDRESS} if arguments.correio else {})
    parts += [f'name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()]
    body = b"".join(f"--{boundary}\r\nContent-Disposition: form-data; ".encode() + part + b"\r\n" for part in parts)
    kind = f"multipart/form-data; boundary={boundary}"
    body += f"--{boundary}--\r\n".encode()
    status, answer = ask(arguments, f"{arguments.url}/upload/api/images", "POST", body, **{"Content-Type": kind})
    if status != 202:
        with suppress(ValueError, KeyError, TypeError):
            raise Failed(f"a imagem não foi aceita: {status} {json.loads(answer)['detail']}")
        raise Failed(f"a imagem não foi aceita: {status}")
    id = str(json.loads(answer)["images"][0]["id"])
    if not ID.fullmatch(id):
        raise Failed(f"a imagem recebeu um nome estranho: {id!r}")
    sent = Sent(id, name, at)
    arguments.memoria.parent.mkdir(parents=True, exist_ok=True)
    arguments.memoria.write_text(json.dumps(vars(sent)), "utf-8")
    return sent


def _operations(sent: Sent, arguments: argparse.Namespace) -> dict[str, Any]:
    status, answer = ask_json(arguments, f"{arguments.url}/upload/api/images/{quote(sent.id)}")
    if status != 200 or not isinstance(answer, dict):
        raise Failed(f"a imagem foi aceita, mas a página responde {status} quando se pergunta por ela")
    operations: dict[str, Any] = answer["operations"]
    return operations


def _pending(sent: Sent, arguments: argparse.Namespace) -> list[str]:
    return [name for name, state in _operations(sent, arguments).items() if state["status"] == "pending"]


def _mails(sent: Sent, arguments: argparse.Namespace) -> list[str]:
    """The ids of the caught mails about the picture."""
    status, mails = ask_json(arguments, f"{arguments.correio}/email")
    if status != 200 or not isinstance(mails, list):
        raise Failed(f"o correio de teste responde {status}")
    return [str(mail["id"]) for mail in mails if sent.name in mail.get("subject", "")]


def _take_away(sent: Sent, arguments: argparse.Namespace) -> None:
    """Remove what there is of the picture: upload, results, previews, mails."""
    if ID.fullmatch(sent.id):
        for pattern in ("uploads/{}.*", "processed/*/{}_*", "previews/*/uploads/{}.*", "previews/*/processed/*/{}_*"):
            for path in arguments.armazem.glob(pattern.format(sent.id)):
                path.unlink(missing_ok=True)
    if arguments.correio:
        for mail in _mails(sent, arguments):
            ask(arguments, f"{arguments.correio}/email/{quote(mail)}", "DELETE")
    arguments.memoria.unlink(missing_ok=True)


def _within(deadline: float, true: Callable[[], bool]) -> bool:
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def picture() -> bytes:
    """A PNG of 16 by 16 pixels, one colour."""
    side = 16

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x2e\x7d\x32" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
