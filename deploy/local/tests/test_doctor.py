"""The output of `make doctor` and `make help`, and its language."""

import os
import re
import socket
import subprocess
import sys
import threading
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from environment import COMPOSE_PORTS, LOOPBACK_PORTS, PORTS, PROFILE_PORTS
from suite_fixtures import free_port

ROOT = Path(__file__).parents[3]
RUN, COMPOSE = "make run", "docker compose up"
WAYS = "import doctor; print([*{way for found in doctor.ports() if found.advice for way in found.ways}])"
REPORTED = "import doctor; print([found.what for found in doctor.ports() if found.advice])"


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
        ("NAGIOS_PORT", set()),
        ("PROMETHEUS_PORT", set()),
    ],
)
def test_a_port_prevents_only_the_ways_that_use_it(name: str, ways: set[str]) -> None:
    assert prevented_ways(**{name: "none"}) == ways
    with port_in_use("127.0.0.1") as number:
        assert prevented_ways(**{name: number}) == ways


def test_every_port_that_compose_publishes_is_checked() -> None:
    """Its name, its default, the address that it is bound to, and whether it is needed without a profile."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    found = [(service.get("profiles", []), port) for service in services.values() for port in service.get("ports", [])]
    assert len(found) > 4
    published, loopback, profiles = {}, set(), {}
    for needed_by, port in found:
        address, name, default = re.fullmatch(r"(.+):\$\{(\w+):-(\d+)\}:\d+", port).groups()  # type: ignore[union-attr]
        published[name] = int(default)
        loopback |= {name} if address == "127.0.0.1" else set()
        for profile in needed_by:
            profiles[name] = profile
    assert published == {name: default for name, default in PORTS.items() if name in published}
    assert {*COMPOSE_PORTS} == {name for name in published if name not in profiles}
    assert profiles == PROFILE_PORTS
    assert loopback == {name for name in LOOPBACK_PORTS if name in published}


def test_a_port_of_a_profile_that_is_in_use_is_a_hint() -> None:
    with port_in_use("127.0.0.1") as number:
        result = doctor(NAGIOS_PORT=number)
    assert f"! port {number} (NAGIOS_PORT, --profile monitoring)" in result.stdout
    assert "set NAGIOS_PORT" in result.stdout
    assert result.returncode == 0


class Nagios(BaseHTTPRequestHandler):
    """Asks for a login, as ours does."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="Nagios"')
        self.end_headers()


def test_the_port_that_our_own_nagios_has_is_in_order() -> None:
    with HTTPServer(("127.0.0.1", 0), Nagios) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        result = doctor(NAGIOS_PORT=str(server.server_port))
        server.shutdown()
    assert f"✓ port {server.server_port} (NAGIOS_PORT, --profile monitoring): the suite" in result.stdout
    assert re.search(r'^ +AuthName "Nagios"$', (ROOT / "deploy/monitoring/apache.conf").read_text(), re.MULTILINE)


def test_a_program_on_the_gateways_port_that_speaks_no_http_is_reported_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:  # closed
                    return
                with client:
                    client.sendall(b"SSH-2.0-x\r\n")

        threading.Thread(target=greet, daemon=True).start()
        number = str(server.getsockname()[1])
        result = doctor(GATEWAY_PORT=number)
        server.shutdown(socket.SHUT_RDWR)
    assert f"! port {number} (GATEWAY_PORT)" in result.stdout, result.stderr


@pytest.mark.parametrize("name", PORTS)
def test_a_port_is_checked_on_the_address_that_it_will_be_bound_to(name: str) -> None:
    """BIND_ADDRESS applies to the gateway and the broker; the other ports are on loopback."""
    follows = name in ("GATEWAY_PORT", "KAFKA_PORT")
    for address, is_in_use in (("127.0.0.1", not follows), ("127.0.0.2", follows)):
        with port_in_use(address) as number:
            reported = doctor("-c", REPORTED, BIND_ADDRESS="127.0.0.2", **{name: number}).stdout
            assert (f"port {number} ({name}" in reported) == is_in_use


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
