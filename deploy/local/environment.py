"""The local environment of the suite: its settings, ports and gateway. Standard library only.

Shared by `make run`, `make up` and `make doctor`; names and defaults are those of .env.example.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import socket
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from words import say, tell

ROOT = Path(__file__).resolve().parents[2]
PORTS = {
    "GATEWAY_PORT": 8080,
    "KAFKA_PORT": 9092,
    "KAFDROP_PORT": 9000,
    "MAIL_PORT": 1080,
    "MAIL_SMTP_PORT": 1025,
    "NAGIOS_PORT": 8081,
    "PROMETHEUS_PORT": 9090,
}
RUN_PORTS = ("GATEWAY_PORT", "KAFKA_PORT", "MAIL_PORT", "MAIL_SMTP_PORT")
COMPOSE_PORTS = ("GATEWAY_PORT", "KAFKA_PORT", "KAFDROP_PORT", "MAIL_PORT")
PROFILE_PORTS = {"NAGIOS_PORT": "monitoring", "PROMETHEUS_PORT": "metrics"}
"""The ports of services that Compose starts only with a profile."""
LOOPBACK_PORTS = ("KAFDROP_PORT", "MAIL_PORT", "MAIL_SMTP_PORT", "NAGIOS_PORT", "PROMETHEUS_PORT")
"""The ports that are bound to loopback, whatever BIND_ADDRESS says."""
ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
SERVICES = ROOT / "packages/events/events/services.json"

_LINE = re.compile(r"""\s*(?:export\s+)?([\w.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(.*?))\s*(?:(?<=\s)#.*)?""")
"""A line of .env: name, then the value in quotes or without, then a comment."""

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class WrongSetting(Exception):
    """A setting has an invalid value; the message names the variable."""


def load_env() -> None:
    """Load the settings in .env. As with Compose, variables of the environment take precedence."""
    path = ROOT / ".env"
    if not path.is_file():
        return
    try:
        from dotenv import dotenv_values  # noqa: PLC0415 - not installed yet when `make doctor` runs

        values = dict(dotenv_values(path))
    except ImportError:
        lines = map(_LINE.fullmatch, path.read_text(encoding="utf-8").splitlines())
        values = {line[1]: line[2] or line[3] or line[4] or "" for line in lines if line}
    for name, value in values.items():
        if name and value is not None:
            os.environ.setdefault(name, value)


def setting(name: str, default: str) -> str:
    """The value of a setting; an empty one counts as unset."""
    return os.environ.get(name) or default


def port(name: str) -> int:
    value = setting(name, str(PORTS.get(name, "")))
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise WrongSetting(
            say(f"{name}: {value!r} is not a port, 1 to 65535", f"{name}: {value!r} não é uma porta, 1 a 65535")
        )
    return int(value)


def bind_address() -> str:
    return setting("BIND_ADDRESS", "127.0.0.1")


def local_address() -> str:
    """The address at which programs on this machine reach a server that is bound to BIND_ADDRESS."""
    return "127.0.0.1" if bind_address() in ALL_ADDRESSES else bind_address()


def advertised_host() -> str:
    return setting("KAFKA_ADVERTISED_HOST", "localhost")


def port_problem(name: str) -> str | None:
    """None if the port is free, otherwise a sentence that names the port and the variable."""
    number = port(name)
    loopback = ("127.0.0.1", "127.0.0.1")
    bound, reached = loopback if name in LOOPBACK_PORTS else (bind_address(), local_address())
    with socket.socket() as client:
        client.settimeout(1)
        taken = client.connect_ex((reached, number)) == 0
    try:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((bound, number))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            taken = True
        elif error.errno == errno.EACCES:
            return say(
                f"port {number} is not permitted for this user; set {name} to a port above 1023",
                f"a porta {number} não é permitida a este usuário; ponha em {name} uma acima de 1023",
            )
        else:
            return say(
                f"BIND_ADDRESS: {bind_address()} is not an address of this machine",
                f"BIND_ADDRESS: {bind_address()} não é um endereço desta máquina",
            )
    if taken:
        return say(
            f"port {number} is in use by another program; stop it, or set {name} to a free port",
            f"a porta {number} está em uso por outro programa; pare-o, ou ponha em {name} uma porta livre",
        )
    if reached == "127.0.0.1" and _answers_on_ipv6(number):
        return say(
            f"port {number} of ::1 is in use by another program, to which localhost may lead; stop it, or set {name} to"
            " a free port",
            f"a porta {number} de ::1 está em uso por outro programa, ao qual localhost pode levar; pare-o, ou ponha em"
            f" {name} uma porta livre",
        )
    return None


def _answers_on_ipv6(number: int) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as client:
        client.settimeout(1)
        return client.connect_ex(("::1", number)) == 0
    return False


def public_url() -> str:
    """The URL to open in a browser, on this machine or, if BIND_ADDRESS allows it, on others."""
    host = "localhost" if bind_address().startswith("127.") else advertised_host()
    return setting("PUBLIC_URL", f"http://{host}:{port('GATEWAY_PORT')}").rstrip("/")


def served_names() -> list[str]:
    """The names by which the gateway may be asked, each once."""
    further = setting("ALLOWED_HOSTS", "").replace(",", " ").split()
    names = {"localhost", urlsplit(public_url()).hostname or "", bind_address(), advertised_host(), *further}
    return sorted({name.lower() for name in names if re.fullmatch(r"[\w.-]+", name)})


def get_json(path: str) -> tuple[int, dict[str, Any]]:
    """GET `path` from the gateway: the status and the JSON body; status 0 if it does not respond."""
    try:
        url = f"http://{local_address()}:{port('GATEWAY_PORT')}{path}"
        with _direct.open(url, timeout=2) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, {}
    except (OSError, HTTPException, ValueError, WrongSetting):
        return 0, {}


def nagios_answers() -> bool:
    """Whether the Nagios of this suite listens on NAGIOS_PORT: it asks for a login to "Nagios"."""
    try:
        _direct.open(f"http://127.0.0.1:{port('NAGIOS_PORT')}/", timeout=2).close()
    except urllib.error.HTTPError as error:
        return error.headers.get("WWW-Authenticate") == 'Basic realm="Nagios"'
    except (OSError, HTTPException):
        pass
    return False


def unready_services() -> list[str]:
    """The services that are not ready: pages that are unready, workers whose consumer group is empty."""
    listed = json.loads(SERVICES.read_text(encoding="utf-8"))
    pages = {name: service["page"] for name, service in listed.items() if "page" in service}
    waiting = [name for name, page in pages.items() if get_json(f"{page}readyz")[0] != 200]
    for page in pages.values():
        status, body = get_json(f"{page}api/groups")
        if status == 200:
            return waiting + [service for service, group in body["groups"].items() if not group["members"]]
    return waiting or [*pages]


def print_links() -> None:
    url = public_url()
    tell("\nReady. Open:", "\nPronto. Abra:")
    tell(f"  {url}/live/      every event as it travels", f"  {url}/live/      cada evento, ao vivo")
    tell(f"  {url}/upload/    send pictures", f"  {url}/upload/    enviar imagens")
    tell(f"  {url}/chat/      chat with the bot", f"  {url}/chat/      conversar com o robô")
    console, known = f"{url}/chat/attendant", setting("ATTENDANT_TOKEN", "")
    tell(
        f"  {console}    take over conversations{'' if known else ' (the link with its token: log of chatbot)'}",
        f"  {console}    assumir conversas{'' if known else ' (o link com o token: log do chatbot)'}",
    )
    tell(f"  {url}/mail/      the mails that were caught", f"  {url}/mail/      os e-mails capturados")
    tell(f"  {url}/index.html start page: what runs", f"  {url}/index.html página inicial: o que está no ar")
    kafka = f"{advertised_host()}:{port('KAFKA_PORT')}"
    tell(f"Kafka for your own programs: {kafka}", f"Kafka para os seus programas: {kafka}")
