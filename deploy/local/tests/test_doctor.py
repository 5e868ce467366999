"""The output of `make doctor` and `make help`, and its language."""

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
    """Run it, or Python with `command` in its folder. Ports that are not in `env` are free."""
    ports = {name: str(free_port()) for name in PORTS}
    env = os.environ | {"LC_ALL": "C.UTF-8"} | ports | env
    return subprocess.run(
        [sys.executable, "-S", *(command or ["doctor.py"])],  # -S: without installed packages
        cwd=ROOT / "deploy/local",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def prevented_ways(**env: str) -> set[str]:
    """The ways to run the suite that a finding about ports prevents."""
    return set(literal_eval(doctor("-c", WAYS, **env).stdout))


@contextmanager
def port_in_use(address: str) -> Iterator[str]:
    """A port of `address` that is in use."""
    with socket.create_server((address, 0)) as server:
        yield str(server.getsockname()[1])


def test_with_free_ports_the_suite_can_run() -> None:
    result = doctor()
    assert "make run: can work here" in result.stdout, result.stdout + result.stderr
    assert result.returncode == 0


def test_a_broker_whose_volume_is_of_another_cluster_is_reported_with_advice(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        """#!/bin/sh
case "$1" in
  ps) echo "abc suite" ;;
  logs) echo "kafka.common.InconsistentClusterIdException: The Cluster ID x doesn't match stored clusterId" ;;
  *) echo 2.30.0 ;;
esac
"""
    )
    docker.chmod(0o755)
    result = doctor(PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert "InconsistentClusterId" in result.stdout
    assert "docker compose down && docker volume rm suite_broker-data" in result.stdout
    assert "docker compose up: not yet" in result.stdout


def test_a_port_in_use_is_reported_with_advice() -> None:
    with port_in_use("127.0.0.1") as number:
        result = doctor(KAFKA_PORT=number)
    assert f"! port {number} (KAFKA_PORT)" in result.stdout
    assert "set KAFKA_PORT" in result.stdout
    assert result.returncode == 1  # both ways need it


def test_a_port_of_containers_only_does_not_prevent_make_run() -> None:
    result = doctor(KAFDROP_PORT="none")
    assert "make run: can work here" in result.stdout
    assert "docker compose up: not yet" in result.stdout
    assert result.returncode == 0


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
def test_a_port_prevents_only_the_ways_that_use_it(name: str, ways: set[str]) -> None:
    assert prevented_ways(**{name: "none"}) == ways
    with port_in_use("127.0.0.1") as number:
        assert prevented_ways(**{name: number}) == ways


@pytest.mark.parametrize("name", PORTS)
def test_a_port_is_checked_on_the_address_that_it_will_be_bound_to(name: str) -> None:
    """BIND_ADDRESS applies to the gateway and the broker; the other ports are on loopback."""
    follows = name in ("GATEWAY_PORT", "KAFKA_PORT")
    for address, is_in_use in (("127.0.0.1", not follows), ("127.0.0.2", follows)):
        with port_in_use(address) as number:
            assert bool(prevented_ways(BIND_ADDRESS="127.0.0.2", **{name: number})) == is_in_use


@pytest.mark.parametrize(("loads", "words"), [("pass", "✓ libturbojpeg"), ("raise OSError", "Debian: libturbojpeg0")])
def test_libturbojpeg_is_reported_and_optional(tmp_path: Path, loads: str, words: str) -> None:
    (tmp_path / "ctypes.py").write_text(f"def CDLL(name): {loads}\n")
    result = doctor(PYTHONPATH=str(tmp_path))
    assert words in result.stdout
    assert "make run: can work here" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"LANG": "pt_BR.UTF-8"}, "lista os comandos"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "pt_PT.UTF-8"}, "lista os comandos"),
        ({"LANG": "pt_BR.UTF-8", "LC_ALL": "C"}, "list the commands"),
        ({}, "list the commands"),
    ],
)
def test_help_is_in_the_language_of_the_terminal(env: dict[str, str], sentence: str) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "LC_MESSAGES")}
    result = subprocess.run(["make"], cwd=ROOT, env=clean | env, capture_output=True, text=True, check=True)
    assert sentence in result.stdout
    for target in ("run", "up", "down", "reset", "demo", "doctor", "test", "test-compose", "bench", "lint", "lock"):
        assert f"make {target} " in result.stdout
