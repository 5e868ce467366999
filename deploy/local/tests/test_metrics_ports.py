"""`make run` with METRICS_PORT: each service has a port of its own, on this machine alone."""

from pathlib import Path

import pytest
from events.services import SERVICES as LISTED
from programs import SERVICES, with_metrics
from run import _environment


def test_each_service_has_a_port_of_its_own_and_keeps_its_other_settings() -> None:
    programs = {program.name: program for program in with_metrics(SERVICES, 9_464)}
    ports = {name: program.env.get("METRICS_PORT") for name, program in programs.items()}
    assert ports == {
        **{program.name: None for program in SERVICES},
        **{service.name: str(9_464 + number) for number, service in enumerate(LISTED)},
    }
    assert programs["chatbot"].env["BIND"] == "unix:{sockets}/chatbot.sock"


def test_without_a_first_port_there_is_none() -> None:
    assert [*with_metrics(SERVICES, None)] == [*SERVICES]


def test_no_program_has_the_port_of_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("METRICS_PORT", "9464")
    environment = _environment(tmp_path, tmp_path)
    assert "METRICS_PORT" not in environment
    assert environment["METRICS_ADDRESS"] == "127.0.0.1"
