"""What Prometheus is told of a web service, and where it asks."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from suite_fixtures import eventually, free_port, scraped
from web import Hub, WebApp

APPLICATION = """
from web import WebApp
app = WebApp("service", "/here", checks={}, members=dict)
"""


def told(app: WebApp) -> dict[tuple[str, ...], float]:
    """What a scrape finds: by name and the values of the labels."""
    return scraped(*app.collectors)


def test_requests_are_counted_by_route_and_status(app: WebApp, client: Any, checks: dict[str, Any]) -> None:
    @app.get("/here/things/<id>")
    def one_thing(id: str) -> str:
        return id

    client.get("/here/things/a")
    client.get("/here/things/b")
    client.post("/here/thing", data=b"x" * 2_000)
    client.get("/here/readyz")
    checks["broker"] = "away"
    client.get("/here/readyz")
    client.get("/here/raises")
    client.get("/here/problem")
    found = told(app)
    assert found["suite_http_requests_total", "GET", "/here/things/<id>", "200"] == 2
    assert found["suite_http_requests_total", "POST", "/here/thing", "413"] == 1
    assert found["suite_http_requests_total", "GET", "/here/readyz", "503"] == 1
    assert found["suite_http_requests_total", "GET", "/here/raises", "500"] == 1
    assert found["suite_http_requests_total", "GET", "/here/problem", "409"] == 1
    assert found["suite_http_request_duration_seconds_count", "GET", "/here/things/<id>"] == 2


def test_addresses_and_methods_that_there_are_not_count_together(app: WebApp, client: Any) -> None:
    for number in range(20):
        client.get(f"/nowhere/{number}")
        client.open("/here/thing", method=f"M{number}")
    counted = {key[1:]: number for key, number in told(app).items() if key[0] == "suite_http_requests_total"}
    assert sum(counted.values()) == 40
    assert {(method, route) for method, route, _status in counted} == {("none", "none")}


def test_a_request_by_another_name_is_counted_too(app: WebApp, client: Any) -> None:
    client.get("/here/readyz", headers={"Host": "evil.example"})
    assert told(app)["suite_http_requests_total", "GET", "/here/readyz", "421"] == 1


def test_open_streams_are_counted_until_they_end(app: WebApp, client: Any) -> None:
    hub = Hub()
    app.add_url_rule("/here/events", view_func=lambda: hub.stream(list))
    first, second = client.get("/here/events"), client.get("/here/events")
    assert told(app)["suite_event_streams",] == 2
    first.close()
    assert told(app)["suite_event_streams",] == 1
    second.close()
    assert told(app)["suite_event_streams",] == 0


@pytest.fixture
def gunicorn(tmp_path: Path) -> Callable[[int, int], subprocess.Popen[str]]:
    (tmp_path / "small_app.py").write_text(APPLICATION)

    def start(port: int, metrics_port: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gunicorn", "-c", "python:web.gunicorn", "small_app:app"]
        env = {"BIND": f"127.0.0.1:{port}", "METRICS_PORT": str(metrics_port), "METRICS_ADDRESS": "127.0.0.1"}
        return subprocess.Popen(command, cwd=tmp_path, env=os.environ | env, stderr=subprocess.PIPE, text=True)

    return start


def test_the_port_is_one_of_its_own_and_lives_as_long_as_the_service(
    gunicorn: Callable[[int, int], subprocess.Popen[str]],
) -> None:
    port, metrics_port = free_port(), free_port()

    def get(number: int, path: str) -> requests.Response | None:
        try:
            return requests.get(f"http://127.0.0.1:{number}{path}", timeout=30)
        except requests.ConnectionError:
            return None

    def began() -> str:
        answer = get(metrics_port, "/metrics")
        lines = answer.text.splitlines() if answer else []
        return next((line for line in lines if line.startswith("process_start_time_seconds")), "")

    with gunicorn(port, metrics_port) as master:
        try:
            first = eventually(began)
            answer = get(port, "/metrics")
            assert answer is not None
            assert answer.status_code == 404
            master.send_signal(signal.SIGHUP)  # a new worker, while the old one still has its requests
            eventually(lambda: began() not in ("", first))
            with gunicorn(free_port(), metrics_port) as second:
                assert second.wait(60) == 78
                assert second.stderr
                assert second.stderr.read().startswith("wrong setting: METRICS_PORT: ")
        finally:
            master.terminate()
        assert master.wait(60) == 0
