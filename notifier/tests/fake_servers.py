"""A mail server and a Telegram that do as the tests tell them, and remember what they were sent."""

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
    """`answer` gives the reply to a recipient and a number of times it was asked for; None takes the mail."""

    def __init__(self, port: int) -> None:
        self.mails: list[EmailMessage] = []
        self.asked: dict[str, int] = {}
        self.answer: Callable[[str, int], str | None] = lambda _recipient, _times: None
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        self.asked[address] = self.asked.get(address, 0) + 1
        refused = self.answer(address, self.asked[address])
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
    """`answer` gives status and body for the number of a call; None is success."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []
        self.answer: Callable[[int], tuple[int, dict[str, Any]] | None] = lambda _number: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.calls.append((self.path, body))
                status, answer = outer.answer(len(outer.calls)) or (200, {"ok": True})
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
