"""A proxy that adds SASL logins to the embedded broker, and accepts or refuses them as a test decides."""

import contextlib
import math
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

import pytest
from kafka.protocol.sasl import SaslAuthenticateResponse, SaslHandshakeResponse
from suite_fixtures import Broker

LOGIN_REFUSED = 58


class Doorkeeper(socketserver.ThreadingTCPServer):
    """Handles logins (SASL_PLAINTEXT, PLAIN), and forwards all other requests to a broker of its own.

    `refusals`: how many logins it refuses from now on.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        address = f"127.0.0.1:{self.server_address[1]}"
        self.refusals = 0.0
        self.inside: list[socket.socket] = []
        self.broker = Broker(advertised=address)
        self.env = {
            "KAFKA_BOOTSTRAP_SERVERS": address,
            "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "KAFKA_SASL_MECHANISM": "PLAIN",
            "KAFKA_SASL_USERNAME": "ana",
            "KAFKA_SASL_PASSWORD": "segredo",
            "KAFKA_FETCH_MAX_WAIT_MS": "50",
            "KAFKA_PARTITIONS": "2",
        }
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def turn_out(self, refusals: float = math.inf) -> None:
        """Close all connections, and refuse the next `refusals` logins."""
        self.refusals = refusals
        for client in self.inside:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.broker.stop()


@pytest.fixture
def doorkeeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorkeeper]:
    """A Doorkeeper that accepts all logins; the environment points to it."""
    doorkeeper = Doorkeeper()
    for name, value in doorkeeper.env.items():
        monkeypatch.setenv(name, value)
    yield doorkeeper
    doorkeeper.stop()


class _Connection(socketserver.BaseRequestHandler):
    server: Doorkeeper

    def handle(self) -> None:
        self.server.inside.append(self.request)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.broker.port)) as broker:
            threading.Thread(target=self._answers, args=(broker,), daemon=True).start()
            requests = self.request.makefile("rb")
            while head := requests.read(4):
                request = requests.read(*struct.unpack(">i", head))
                answer, enters = self._login(*struct.unpack_from(">hhi", request))
                self.request.sendall(answer)
                if not enters:
                    return  # like Kafka, close the connection after the response
                if not answer:
                    broker.sendall(head + request)

    def _login(self, api: int, version: int, correlation: int) -> tuple[bytes, bool]:
        """The response to a login request, empty for other requests; and whether the client may stay."""
        enters = True
        if api == SaslHandshakeResponse.API_KEY:
            answer = SaslHandshakeResponse(error_code=0, mechanisms=["PLAIN"], version=version)
        elif api == SaslAuthenticateResponse.API_KEY:
            enters = not self.server.refusals
            self.server.refusals = max(0, self.server.refusals - 1)
            answer = SaslAuthenticateResponse(
                error_code=0 if enters else LOGIN_REFUSED,
                error_message=None,
                auth_bytes=b"",
                session_lifetime_ms=0,
                version=version,
            )
        else:
            return b"", enters
        answer.with_header(correlation_id=correlation)
        encoded: bytes = answer.encode(framed=True, header=True)
        return encoded, enters

    def _answers(self, broker: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := broker.recv(65_536):
                self.request.sendall(part)
