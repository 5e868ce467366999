"""How mails leave: the settings of the mail server, and the connection to it."""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, field_validator

from .settings import Settings

SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
EHLO_NAME = re.compile(r"[\w-]+(\.[\w-]+)*|\[[\w.:]+\]", re.ASCII)
"""A name of a host, or an address literal."""


class MailSettings(Settings):
    """The settings of a service that sends mails."""

    smtp_url: SecretStr = SecretStr("smtp://localhost:1025")
    """`smtp://`, `smtps://` or `smtp+starttls://`, with `user:password@` if the server requires a login."""
    smtp_ehlo_name: str | None = None
    """What this client is called in EHLO; the name of its host by default, which in a container is made up."""
    mail_from: str = "suite@minharede.example"

    @field_validator("smtp_url")
    @classmethod
    def _is_a_server(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            is_server = parts.scheme in SMTP_PORTS and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none
            is_server = False
        if not is_server:
            raise ValueError("is not of the form smtp://host:port, smtps://… or smtp+starttls://…")
        return url

    @field_validator("smtp_ehlo_name")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name and not EHLO_NAME.fullmatch(name):
            raise ValueError("is neither the name of a host nor an address such as [192.0.2.1]")
        return name or None

    @field_validator("mail_from")
    @classmethod
    def _is_a_sender(cls, address: str) -> str:
        if not re.fullmatch(r"[^\s@;]+@[^\s@;]+", address):
            raise ValueError("is not an address such as suite@example.org")
        return address

    @property
    def smtp_server(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        parts = urlsplit(self.smtp_url.get_secret_value())
        return parts.scheme, str(parts.hostname), parts.port or SMTP_PORTS[parts.scheme]

    @property
    def smtp_login(self) -> tuple[str, str] | None:
        """User and password, if SMTP_URL has them."""
        parts = urlsplit(self.smtp_url.get_secret_value())
        return (unquote(parts.username), unquote(parts.password or "")) if parts.username else None


@contextmanager
def connect(settings: MailSettings, timeout_seconds: float) -> Iterator[smtplib.SMTP]:
    """Connect to the mail server, encrypted and logged in as SMTP_URL says. Yields the connection, closed afterwards.

    Raises OSError or smtplib.SMTPException; `timeout_seconds` is for each step, not for all of them.
    """
    scheme, host, port = settings.smtp_server
    name = settings.smtp_ehlo_name
    if scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, name, timeout=timeout_seconds, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(host, port, name, timeout=timeout_seconds)
    with server:
        if scheme == "smtp+starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_login:
            server.login(*settings.smtp_login)
        yield server
