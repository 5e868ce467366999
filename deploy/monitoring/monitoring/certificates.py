"""Certificates: how many days are left."""

import argparse
import contextlib
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from nagiosplugin import Metric

from .plugin import Arguments, Failed, Found, run, said

PORTS = {"https": 443, "smtps": 465, "smtp+starttls": 587}
SECONDS_OF_A_DAY = 86_400


def check_certificado() -> None:
    """The certificate of each address, days before it ends. Without an address there is nothing to look at."""
    parser = Arguments("Confere até quando valem os certificados.", "21:", "7:", of="dias que restam")
    parser.add_argument(
        "urls", metavar="URL", nargs="*", type=_url, help="https://…, smtps://…, smtp+starttls://… ou tls://nome:porta"
    )
    parser.add_argument("--ca", metavar="ARQUIVO", type=Path, help="quem mais pode ter assinado os certificados")

    def look(arguments: argparse.Namespace) -> Found:
        if not arguments.urls:
            return [said("nada aqui fala TLS: não há certificado a conferir")]
        try:
            context = ssl.create_default_context()
            if arguments.ca:
                context.load_verify_locations(arguments.ca)
        except (OSError, ssl.SSLError) as error:
            raise Failed(f"{arguments.ca} não serve: {error}") from None
        found = []
        for url in arguments.urls:
            days = _days_left(url, context, arguments.prazo)
            name = f"dias_{urlsplit(url).hostname}_{_port(url)}"
            found += [
                said(f"o certificado de {urlsplit(url).hostname} vale mais {days} dias"),
                Metric(name, days, context="dias"),
            ]
        return found

    run("certificado", parser, look, lambda _arguments: None, ["dias"])


def _days_left(url: str, context: ssl.SSLContext, timeout: float) -> int:
    host = str(urlsplit(url).hostname)
    try:
        with _connected(url, context, timeout) as connection:
            certificate = connection.getpeercert()
    except ssl.SSLCertVerificationError as error:
        raise Failed(f"o certificado de {host} não vale: {error.verify_message}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Failed(f"{host}:{_port(url)} não responde por TLS: {error}") from None
    assert certificate, "a verified connection has one"
    end = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return int((end - time.time()) // SECONDS_OF_A_DAY)


@contextlib.contextmanager
def _connected(url: str, context: ssl.SSLContext, timeout: float) -> Iterator[ssl.SSLSocket]:
    host, port = str(urlsplit(url).hostname), _port(url)
    if urlsplit(url).scheme == "smtp+starttls":
        with smtplib.SMTP(host, port, timeout=timeout) as server:
            server.starttls(context=context)
            assert isinstance(server.sock, ssl.SSLSocket)
            yield server.sock
    else:
        plain = socket.create_connection((host, port), timeout)
        with plain, context.wrap_socket(plain, server_hostname=host) as secured:
            yield secured


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or PORTS[parts.scheme]


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        known = parts.hostname and (parts.scheme in PORTS or (parts.scheme == "tls" and parts.port))
    except ValueError:
        known = False
    if not known:
        raise argparse.ArgumentTypeError(f"não é https://, smtps://, smtp+starttls:// ou tls://nome:porta: {text}")
    return text
