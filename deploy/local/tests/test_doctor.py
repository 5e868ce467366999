"""`make doctor` and `make help`: what they print, in which language."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from suite_fixtures import free_port

ROOT = Path(__file__).parents[3]
PORTS = ("GATEWAY_PORT", "KAFKA_PORT", "KAFDROP_PORT", "MAIL_PORT")


def doctor(**env: str) -> subprocess.CompletedProcess[str]:
    ports = {name: str(free_port()) for name in PORTS}
    command = [sys.executable, "-S", ROOT / "deploy/local/doctor.py"]  # -S: without what is installed
    return subprocess.run(
        command, env=os.environ | {"LC_ALL": "C.UTF-8"} | ports | env, capture_output=True, text=True, check=False
    )


def test_free_ports_stop_nothing() -> None:
    answer = doctor()
    assert "make run: can work here" in answer.stdout, answer.stdout + answer.stderr
    assert answer.returncode == 0


def test_a_port_in_use_is_named_with_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = str(taken.getsockname()[1])
        answer = doctor(KAFKA_PORT=number)
    assert f"! port {number} (KAFKA_PORT)" in answer.stdout
    assert "set KAFKA_PORT" in answer.stdout
    assert answer.returncode == 1  # both ways need it


def test_what_only_containers_need_does_not_stop_make_run() -> None:
    answer = doctor(MAIL_PORT="none")
    assert "make run: can work here" in answer.stdout
    assert "docker compose up: not yet" in answer.stdout
    assert answer.returncode == 0


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
