"""What the Dockerfiles say, as far as it can be tried without building them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from suite_fixtures import ROOT, free_port


class Service(BaseHTTPRequestHandler):
    """Answers every question with the status that its server was given."""

    def do_GET(self) -> None:
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


EXAMPLES = (
    "examples/classificador-produtos/nginx",
    "examples/classificador-produtos/um-container",
    "examples/classificador-produtos/wsgi-app",
    "examples/marketplace/marketplace",
)


@pytest.mark.parametrize("service", ["image-upload", "chatbot", "nginx", "deploy/metrics", *EXAMPLES])
def test_a_health_check_asks_the_container_itself_whatever_proxy_there_is(server: HTTPServer, service: str) -> None:
    """Docker hands the proxies of its client's configuration to every container."""
    text = (ROOT / service / "Dockerfile").read_text().replace("\\\n", " ")
    found = re.search(r"^HEALTHCHECK .*? CMD (\[.*\])$", text, re.MULTILINE)
    assert found
    here = re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.server_port}", found[1])
    program, *arguments = json.loads(here)
    if not shutil.which(program):
        pytest.skip(f"no {program} here")
    command = [sys.executable if program == "python" else program, *arguments]
    nowhere = f"http://127.0.0.1:{free_port()}"
    env = os.environ | {"http_proxy": nowhere, "HTTP_PROXY": nowhere, "no_proxy": "", "NO_PROXY": ""}

    def healthy(status: int) -> bool:
        server.status = status  # type: ignore[attr-defined]
        return subprocess.run(command, env=env, capture_output=True, check=False).returncode == 0

    assert healthy(200)
    assert not healthy(503)


def test_the_build_context_holds_what_each_image_copies() -> None:
    """`.dockerignore` leaves out all but what it names."""
    held = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    dockerfiles = [*ROOT.glob("*/Dockerfile"), *ROOT.glob("deploy/*/Dockerfile")]
    assert len(dockerfiles) > 10
    for dockerfile in dockerfiles:
        for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile.read_text(), re.MULTILINE):
            for source in re.sub(r"--\S+ ", "", sources).split():
                parents = [source, *map(str, (ROOT / source).relative_to(ROOT).parents)]
                assert any(fnmatch(parent, one) for parent in parents for one in held), f"{dockerfile}: {source}"
