"""`make doctor` and `make help`: what they print, in which language."""

import os
import socket
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from suite_fixtures import free_port

ROOT = Path(__file__).parents[3]
PORTS = ("GATEWAY_PORT", "KAFKA_PORT", "KAFDROP_PORT", "MAIL_PORT", "MAIL_SMTP_PORT")
RUN, COMPOSE = "make run", "docker compose up"
WAYS = "import doctor; print([*{way for found in doctor.ports() if found.advice for way in found.ways}])"


def doctor(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """What it says, or what Python says to `command` in its folder; the ports that `env` does not name are free."""
    ports = {name: str(free_port()) for name in PORTS}
    env = os.environ | {"LC_ALL": "C.UTF-8"} | ports | env
    return subprocess.run(
        [sys.executable, "-S", *(command or ["doctor.py"])],  # -S: without what is installed
        cwd=ROOT / "deploy/local",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def stopped(**env: str) -> set[str]:
    """The ways to run the suite that something about the ports stops."""
    return set(literal_eval(doctor("-c", WAYS, **env).stdout))


@contextmanager
def taken(address: str) -> Iterator[str]:
    """A port of `address` that a program listens on."""
    with socket.create_server((address, 0)) as server:
        yield str(server.getsockname()[1])


def test_free_ports_stop_nothing() -> None:
    answer = doctor()
    assert "make run: can work here" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 0


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with taken("127.0.0.1") as number:
        answer = doctor(KAFKA_PORT=number)
    assert f"! port {number} (KAFKA_PORT)" in answer.stdout
    assert "set KAFKA_PORT" in answer.stdout
    assert answer.returncode == 1  # both ways need it


def test_what_only_containers_need_does_not_stop_make_run() -> None:
    answer = doctor(KAFDROP_PORT="none")
    assert "make run: can work here" in answer.stdout
    assert "docker compose up: not yet" in answer.stdout
    assert answer.returncode == 0


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("GATEWAY_PORT", {RUN, COMPOSE}),
        ("KAFKA_PORT", {RUN, COMPOSE}),
        ("MAIL_PORT", {RUN, COMPOSE}),
        ("KAFDROP_PORT", {COMPOSE}),
        ("MAIL_SMTP_PORT", {RUN}),
    ],
)
def test_a_port_stops_the_ways_that_use_it_and_no_other(name: str, ways: set[str]) -> None:
    assert stopped(**{name: "none"}) == ways
    with taken("127.0.0.1") as number:
        assert stopped(**{name: number}) == ways


@pytest.mark.parametrize("name", PORTS)
def test_a_port_is_tried_on_the_address_that_it_will_have(name: str) -> None:
    """BIND_ADDRESS is for the gateway and the broker; the others stay on loopback."""
    follows = name in ("GATEWAY_PORT", "KAFKA_PORT")
    for address, in_the_way in (("127.0.0.1", not follows), ("127.0.0.2", follows)):
        with taken(address) as number:
            assert bool(stopped(BIND_ADDRESS="127.0.0.2", **{name: number})) == in_the_way


@pytest.mark.parametrize(("loads", "words"), [("pass", "✓ libturbojpeg"), ("raise OSError", "Debian: libturbojpeg0")])
def test_what_turns_jpegs_is_told_and_stops_nothing(tmp_path: Path, loads: str, words: str) -> None:
    (tmp_path / "ctypes.py").write_text(f"def CDLL(name): {loads}\n")
    answer = doctor(PYTHONPATH=str(tmp_path))
    assert words in answer.stdout
    assert "make run: can work here" in answer.stdout, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"LANG": "pt_BR.UTF-8"}, "lista os comandos"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "pt_PT.UTF-8"}, "lista os comandos"),
        ({"LANG": "pt_BR.UTF-8", "LC_ALL": "C"}, "list the commands"),
        ({}, "list the commands"),
    ],
)
def test_help_speaks_the_language_of_the_terminal(env: dict[str, str], sentence: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "LC_MESSAGES")}
    answer = subprocess.run(["make"], cwd=ROOT, env=clean | env, capture_output=True, text=True, check=True)
    assert sentence in answer.stdout
    for target in ("run", "up", "down", "reset", "demo", "doctor", "test", "test-compose", "bench", "lint", "lock"):
        assert f"make {target} " in answer.stdout
