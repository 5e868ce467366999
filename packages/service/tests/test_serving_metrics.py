"""The port that Prometheus reads: none where none is set, and one clear sentence where it cannot be had."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from service import EXIT_CONFIG
from service.metrics import Durations, listen, serve
from suite_fixtures import free_port


class Collector:
    def collect(self) -> Iterator[Any]:
        durations, family = Durations(), HistogramMetricFamily("suite_x_seconds", "X.", labels=["of"])
        for seconds in (0.001, 0.3, 0.4, 500.0):
            durations.add(seconds)
        durations.add_to(family, ["a"])
        yield family


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    port = free_port()
    monkeypatch.setenv("METRICS_PORT", str(port))
    monkeypatch.setenv("METRICS_ADDRESS", "127.0.0.1")
    return port


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_listens_where_no_port_is_set(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("METRICS_PORT", raising=False)
    if value is not None:
        monkeypatch.setenv("METRICS_PORT", value)
    assert listen() is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_what_collectors_tell_is_served(port: int, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("METRICS_ADDRESS", address)
    listener = listen()
    assert listener
    serve(listener, [Collector()])
    host = f"[{address}]" if ":" in address else address
    text = requests.get(f"http://{host}:{port}/metrics", timeout=30).text
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    counted = {one.labels.get("le", one.name): one.value for one in families["suite_x_seconds"]}
    assert counted["0.001"] == counted["0.25"] == 1
    assert counted["0.5"] == counted["120.0"] == 3
    assert counted["+Inf"] == counted["suite_x_seconds_count"] == 4
    assert counted["suite_x_seconds_sum"] == pytest.approx(500.701)
    assert families["process_cpu_seconds"]


def test_a_port_in_use_ends_the_start_with_a_sentence(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", port))), pytest.raises(SystemExit) as end:
        listen()
    assert end.value.code == EXIT_CONFIG
    line = f"wrong setting: METRICS_PORT: 127.0.0.1:{port} cannot be listened on: Address already in use\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    ("name", "value"), [("METRICS_PORT", "0"), ("METRICS_PORT", "http"), ("METRICS_ADDRESS", "no address")]
)
@pytest.mark.usefixtures("port")
def test_a_wrong_setting_ends_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as end:
        listen()
    assert end.value.code == EXIT_CONFIG
    assert capsys.readouterr().err.startswith("wrong setting: METRICS_")
