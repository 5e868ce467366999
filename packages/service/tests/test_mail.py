"""The settings of the mail server, and the connection to it: plain, encrypted, with a login."""

import smtplib
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from pydantic import ValidationError
from service.mail import MailSettings, connect
from suite_fixtures import free_port

TIMEOUT_SECONDS = 60.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "ftp://x"),
        ("SMTP_URL", "smtp://"),
        ("SMTP_URL", "smtp.example.org"),
        ("SMTP_URL", "smtp://mail.example.org:port"),
        ("SMTP_URL", "smtp://mail.example.org:70000"),
        ("SMTP_URL", "smtp://[::1"),
        ("SMTP_EHLO_NAME", "no name"),
        ("SMTP_EHLO_NAME", "a\nMAIL FROM:<x>"),
        ("MAIL_FROM", "nobody"),
        ("MAIL_FROM", "a@x.org, b@x.org"),
        ("MAIL_FROM", "a@x.org\nBcc: b@x.org"),
    ],
)
def test_a_wrong_setting_ends_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError):
        MailSettings()
    with pytest.raises(SystemExit) as ended:
        MailSettings.load()
    assert ended.value.code == 78
    printed = capsys.readouterr().err
    assert name in printed
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "server", "login"),
    [
        ("smtp://mail", ("smtp", "mail", 25), None),
        ("smtp://mail:1025", ("smtp", "mail", 1025), None),
        ("smtps://ana:p%40ss@mail.example.org", ("smtps", "mail.example.org", 465), ("ana", "p@ss")),
        ("smtp+starttls://ana@mail.example.org", ("smtp+starttls", "mail.example.org", 587), ("ana", "")),
    ],
)
def test_what_the_url_says(
    monkeypatch: pytest.MonkeyPatch, url: str, server: tuple[str, str, int], login: tuple[str, str] | None
) -> None:
    monkeypatch.setenv("SMTP_URL", url)
    settings = MailSettings()
    assert (settings.smtp_server, settings.smtp_login) == (server, login)


def test_the_password_is_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", "smtps://ana:p%40ss@mail.example.org")
    assert "p%40ss" not in repr(MailSettings())


class Inbox:
    """What a mail server was told: the names of its clients, who logged in, and over what."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.logins: list[tuple[bytes, bytes]] = []
        self.encrypted: list[bool] = []

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, name: str, replies: list[str]) -> list[str]:  # noqa: N802
        session.host_name = name
        self.names.append(name)
        return replies

    async def handle_DATA(self, server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        self.logins.append((login.login, login.password))
        return AuthResult(success=login.password == b"p@ss", handled=False)


Start = Callable[[str], Inbox]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a mail server for a scheme, and sets SMTP_URL to it with the login of ana; its certificate is trusted."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    controllers: list[Controller] = []

    def start(scheme: str) -> Inbox:
        inbox, port = Inbox(), free_port()
        more: dict[str, Any] = {
            "smtp": {"auth_require_tls": False},
            "smtps": {"ssl_context": context, "auth_require_tls": False},
            "smtp+starttls": {"tls_context": context, "require_starttls": True},
        }[scheme]
        controller = Controller(
            inbox, hostname="localhost", port=port, authenticator=inbox.authenticate, auth_required=True, **more
        )
        controller.start()
        controllers.append(controller)
        monkeypatch.setenv("SMTP_URL", f"{scheme}://ana:p%40ss@localhost:{port}")
        return inbox

    yield start
    for controller in controllers:
        controller.stop()


@pytest.mark.parametrize(("scheme", "encrypted"), [("smtp", False), ("smtps", True), ("smtp+starttls", True)])
def test_a_mail_leaves_as_the_url_says(
    serve: Start, monkeypatch: pytest.MonkeyPatch, scheme: str, encrypted: bool
) -> None:
    inbox = serve(scheme)
    monkeypatch.setenv("SMTP_EHLO_NAME", "suite.example.org")
    settings = MailSettings()
    with connect(settings, TIMEOUT_SECONDS) as server:
        server.sendmail(settings.mail_from, ["bia@example.org"], b"Subject: Oi\r\n\r\nOi\r\n")
    assert inbox.encrypted == [encrypted]
    assert inbox.logins == [(b"ana", b"p@ss")]
    assert set(inbox.names) == {"suite.example.org"}
    assert server.sock is None  # closed


def test_a_certificate_that_nobody_vouches_for_is_refused(serve: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = serve("smtps")
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(ssl.SSLCertVerificationError), connect(MailSettings(), TIMEOUT_SECONDS):
        pass
    assert inbox.logins == []


def test_a_login_that_is_refused(serve: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    serve("smtp")
    _, host, port = MailSettings().smtp_server
    monkeypatch.setenv("SMTP_URL", f"smtp://ana:other@{host}:{port}")
    with pytest.raises(smtplib.SMTPAuthenticationError), connect(MailSettings(), TIMEOUT_SECONDS):
        pass


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"), connect(MailSettings(), 0.2):
            pass
