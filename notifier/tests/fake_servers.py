"""Fake mail and Telegram servers: tests set their replies, and read what they received."""

import email.parser
import email.policy
import json
import threading
from collections.abc import Callable
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class MailServer:
    """`reply(recipient, attempt)` returns the SMTP reply to a recipient; None accepts the mail.

    `reply_to_name(name)` returns that to EHLO and HELO; None accepts the name.
    """

    def __init__(self, port: int) -> None:
        self.mails: list[EmailMessage] = []
        self.attempts: dict[str, int] = {}
        self.reply: Callable[[str, int], str | None] = lambda _recipient, _attempt: None
        self.reply_to_name: Callable[[str], str | None] = lambda _name: None
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, name: str, replies: list[str]) -> list[str]:  # noqa: N802
        session.host_name = name
        refused = self.reply_to_name(name)
        return [refused] if refused else replies

    async def handle_HELO(self, _server: Any, session: Any, _envelope: Any, name: str) -> str:  # noqa: N802
        session.host_name = name
        return self.reply_to_name(name) or "250 mail.example.org"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        self.attempts[address] = self.attempts.get(address, 0) + 1
        refused = self.reply(address, self.attempts[address])
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(
            email.parser.BytesParser(EmailMessage, policy=email.policy.default).parsebytes(envelope.content)
        )
        return "250 OK"

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


class TelegramServer:
    """`reply(number)` returns the status and the body for a call; None is success."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []
        self.reply: Callable[[int], tuple[int, dict[str, Any]] | None] = lambda _number: None
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.calls.append((self.path, body))
                status, reply = server.reply(len(server.calls)) or (200, {"ok": True})
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(reply).encode())

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
