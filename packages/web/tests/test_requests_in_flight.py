"""A gunicorn worker that stops, and a body that pauses: every client gets an answer."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import pytest

APPLICATION = """
import time
from flask import request
from web import WebApp, requests_in_flight

requests_in_flight.BODY_PAUSE_SECONDS = %(pause)s
requests_in_flight.FINISH_SECONDS = 4.0
app = WebApp("service", "/here", checks={}, members=dict)

@app.post("/here/works/<float:seconds>")
def works(seconds):
    size = len(request.get_data())
    print("has", size, flush=True)
    time.sleep(seconds)
    return {"size": size}
"""


class Server:
    """gunicorn with one worker, whose bodies may pause for `pause` seconds, and whose requests get 4 s to finish."""

    def __init__(self, folder: Path, pause: float):
        (folder / "small_app.py").write_text(APPLICATION % {"pause": pause})
        self.path = str(folder / "socket")
        self._log = folder / "log"
        command = [sys.executable, "-m", "gunicorn", "-c", "python:web.gunicorn", "small_app:app"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=folder, env=os.environ | {"BIND": f"unix:{self.path}"}, stdout=log, stderr=log
            )
        self.wait_for(lambda: os.path.exists(self.path) and self.ask().status == 200)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_for(self, check: Any) -> None:
        deadline = time.monotonic() + 60
        while not check():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)

    def send(self, seconds: float, sent: bytes, size: int, chunked: bool = False) -> socket.socket:
        """Begin a request that takes `seconds`, and send this much of its body of `size` bytes."""
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(60)
        client.connect(self.path)
        length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        body = b"%x\r\n%b\r\n" % (len(sent), sent) if chunked else sent
        client.sendall(
            b"POST /here/works/%.1f HTTP/1.1\r\nHost: localhost\r\nAccept-Language: pt\r\n%b\r\n\r\n%b"
            % (seconds, length, body)
        )
        return client

    def ask(self) -> HTTPResponse:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
            client.sendall(b"GET /here/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return answer(client)


def answer(client: socket.socket) -> HTTPResponse:
    response = HTTPResponse(client)
    response.begin()
    return response


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(tmp_path, request.param)
    yield server
    server.process.kill()
    server.process.wait()


@pytest.mark.parametrize("server", [60.0], indirect=True)
def test_what_came_whole_is_finished_and_the_rest_is_told_to_try_again(server: Server) -> None:
    whole = server.send(1.0, b"x" * 9, 9)
    too_long = server.send(60.0, b"x" * 8, 8)
    half = server.send(0.0, b"x" * 100, 1_000_000)
    chunked = server.send(0.0, b"x" * 100, 0, chunked=True)
    with server.ask() as kept_open:  # a connection that only is kept open holds nothing up
        server.wait_for(lambda: {"has 9", "has 8"} <= set(server.log.splitlines()))
        kept_open.read()
        server.process.send_signal(signal.SIGTERM)
        for client in (half, chunked):  # their clients go on sending, also while the answer is on its way
            for _ in range(5):
                client.sendall(b"1\r\nx\r\n" if client is chunked else b"x" * 100)
                time.sleep(0.2)
        done = answer(whole)
        assert (done.status, json.load(done)) == (200, {"size": 9})
        for client in (too_long, half, chunked):
            refused = answer(client)
            problem = json.load(refused)
            assert (refused.status, problem["type"]) == (503, "urn:problem:stopping")
            assert problem["detail"] == "Este serviço está reiniciando; tente de novo em instantes."
            assert int(refused.headers["Retry-After"]) > 0
            assert refused.headers["Connection"] == "close"
        assert server.process.wait(60) == 0, server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize("server", [1.0], indirect=True)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_pauses_is_answered(server: Server, chunked: bool) -> None:
    client = server.send(0.0, b"x" * 100, 1_000_000, chunked)
    refused = answer(client)
    problem = json.load(refused)
    assert (refused.status, problem["type"]) == (408, "urn:problem:request-timeout")
    assert problem["detail"] == "Nada chegou por tempo demais; envie a requisição de novo."
    assert client.recv(1) == b""
    assert "Traceback" not in server.log


@pytest.mark.parametrize("server", [5.0], indirect=True)
def test_a_slow_body_that_does_not_pause_is_read(server: Server) -> None:
    client = server.send(0.0, b"x", 8)
    for _ in range(7):  # longer than one pause may last, all in all
        time.sleep(0.8)
        client.sendall(b"x")
    assert json.load(answer(client)) == {"size": 8}
