"""The gateway of `make run` before a service that says who asked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from environment import served_names
from gateway_checks import (
    CLIENT,
    address_seen,
    answers_a_body_that_pauses,
    ask,
    responds,
    serves_again_what_a_browser_has,
    serves_its_own_names_alone,
    shows_the_documents,
    shows_the_start_page,
)
from suite_fixtures import ROOT, eventually, free_port


@pytest.fixture
def gateway(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a gateway with TRUSTED_PROXIES as the test wants it."""
    monkeypatch.setenv("ALLOWED_HOSTS", "turma.example, Localhost")  # one that is served anyway
    port = free_port()
    env = os.environ | {
        "RUN_DIR": str(tmp_path),
        "SOCKETS": str(tmp_path),
        "BIND": f"unix:{tmp_path}/image-upload.sock",
        "GATEWAY_PORT": str(port),
        "BIND_ADDRESS": "127.0.0.1",
        "MAIL_PORT": str(free_port()),
        "MAX_REQUEST_BYTES": "10000000",
        "MAX_REQUEST_MB": "10",
        "SERVED_NAMES": " ".join(served_names()),
        "TRUSTED_PROXIES": getattr(request, "param", ""),
    }
    caddy = [Path(sys.executable).parent / "caddy", "run", "--adapter", "caddyfile"]
    upstream = [sys.executable, "-m", "gunicorn", "-c", "python:web.gunicorn", "gateway_upstream:app"]
    processes = [
        subprocess.Popen([*caddy, "--config", ROOT / "deploy/local/Caddyfile"], cwd=ROOT, env=env),
        subprocess.Popen(upstream, cwd=ROOT / "tests", env=env),
    ]
    url = f"http://127.0.0.1:{port}"

    try:
        eventually(lambda: responds(url))
        yield url
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)


def test_it_serves_its_own_names_alone(gateway: str) -> None:
    serves_its_own_names_alone(gateway)


def test_a_forged_address_is_useless(gateway: str) -> None:
    assert address_seen(gateway, CLIENT) == "127.0.0.1"


@pytest.mark.parametrize("gateway", ["10.0.0.0/8 127.0.0.1"], indirect=True)
def test_the_address_of_a_client_is_what_a_trusted_proxy_says(gateway: str) -> None:
    assert address_seen(gateway, CLIENT) == CLIENT
    assert address_seen(gateway, f"6.6.6.6, {CLIENT}, 10.0.0.1") == CLIENT  # the first is the client's own word


def test_a_body_that_pauses_is_answered(gateway: str) -> None:
    answers_a_body_that_pauses(gateway)


def test_what_a_browser_has_already_is_served_again(gateway: str) -> None:
    serves_again_what_a_browser_has(gateway)


def test_it_shows_the_documents(gateway: str) -> None:
    shows_the_documents(gateway)


def test_the_root_is_the_start_page_where_no_live_page_is(gateway: str) -> None:
    shows_the_start_page(gateway)
    shows_the_start_page(gateway, "/index.html")
    assert ask(gateway, "/nothing", "localhost").status_code == 404
    assert ask(gateway, "/live/", "localhost").status_code == 503


def test_the_root_leads_to_the_live_page_where_that_is_for_everybody(gateway: str, tmp_path: Path) -> None:
    (tmp_path / "observer.sock").symlink_to("image-upload.sock")
    answer = ask(gateway, "/?status=302", "localhost")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/live/?lang=en")
    for status in (404, 500, 503):
        shows_the_start_page(gateway, f"/?status={status}")
    shows_the_start_page(gateway, "/index.html")
