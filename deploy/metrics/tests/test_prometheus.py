"""Prometheus on real services: it understands what they tell, every rule, and every query of the dashboard."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from events.services import SERVICES
from kafka import KafkaProducer
from sample_pictures import encoded, quarters
from suite_fixtures import ROOT, eventually, free_port

ROOM = ROOT / "deploy/metrics"
RULES = {rule["alert"]: rule["expr"] for rule in yaml.safe_load((ROOM / "rules.yml").read_text())["groups"][0]["rules"]}
DASHBOARD = json.loads((ROOM / "dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
NOTHING_TO_TELL = {"suite_publish_errors_total", "suite_child_failures_total"}
"""What there is not, where nothing of that kind goes wrong."""


def found(program: str) -> str:
    if path := shutil.which(program):
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{program} is not here")
    pytest.skip(f"no {program} here; in Debian the package prometheus has it")


def promtool(*arguments: str) -> None:
    done = subprocess.run([found("promtool"), *arguments], cwd=ROOM, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def configured(folder: Path) -> Path:
    """The configuration as the image has it."""
    for name in ("prometheus.yml", "rules.yml"):
        shutil.copy(ROOM / name, folder)
    services = str(ROOT / "packages/events/events/services.json")
    subprocess.run([sys.executable, ROOM / "configure.py", services, folder / "prometheus.yml"], check=True)
    return folder / "prometheus.yml"


def test_every_service_of_the_list_is_read(tmp_path: Path) -> None:
    file = configured(tmp_path)
    promtool("check", "config", str(file))
    (suite,) = yaml.safe_load(file.read_text())["scrape_configs"]
    (targets,) = suite["dns_sd_configs"]
    assert targets["names"] == [service.name for service in SERVICES]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert {compose[name]["environment"]["METRICS_PORT"] for name in targets["names"]} == {targets["port"]}


def test_each_alert_fires_when_it_is_to_and_only_then() -> None:
    promtool("test", "rules", "tests/rules.test.yml")


def test_no_alert_is_without_such_a_test() -> None:
    tests = yaml.safe_load((ROOM / "tests/rules.test.yml").read_text())["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == RULES.keys()
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == RULES.keys()


@pytest.mark.parametrize("page", ["metrics.md", "metrics.pt-BR.md"])
def test_the_page_explains_each_alert(page: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE) == [*RULES]


class Prometheus:
    """Prometheus, with the rules of this room, reading services every second."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        file = configured(folder)
        configuration = yaml.safe_load(file.read_text())
        configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        configuration["scrape_configs"][0] = {
            "job_name": "suite",
            "static_configs": [
                {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}} for name, port in ports.items()
            ],
        }
        file.write_text(yaml.safe_dump(configuration))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        command = [found("prometheus"), f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
        with (folder / "prometheus.log").open("wb") as log:
            address = f"--web.listen-address=127.0.0.1:{port}"
            self.process = subprocess.Popen([*command, address], stdout=log, stderr=log)

    def get(self, path: str, **parameters: str) -> Any:
        try:
            answer = requests.get(self.url + path, params=parameters, timeout=30)
        except requests.ConnectionError as error:
            raise AssertionError("it does not listen yet") from error
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        return list(self.get("query", query=expression.replace("$__rate_interval", "1m"))["result"])


@pytest.fixture
def prometheus(kafka_env: dict[str, str], tmp_path: Path) -> Iterator[Prometheus]:
    """With a worker, a page and the observer, which have turned a picture and met a record that is none."""
    found("prometheus")
    port = free_port()
    commands = {
        "rotate-worker": ["-m", "rotate_worker"],
        "image-upload": ["-m", "gunicorn", "-c", "python:image_upload.gunicorn_conf"],
        "observer": ["-m", "gunicorn", "-c", "python:observer.gunicorn_conf"],
    }
    ports = {name: free_port() for name in commands}
    started = []
    common = os.environ | kafka_env | {"STORE_URL": tmp_path.as_uri(), "RUN_DIR": str(tmp_path)}
    try:
        for name, arguments in commands.items():
            own = {
                "METRICS_PORT": str(ports[name]),
                "METRICS_ADDRESS": "127.0.0.1",
                "BIND": f"127.0.0.1:{port if name == 'image-upload' else free_port()}",
            }
            with (tmp_path / f"{name}.log").open("wb") as log:
                process = subprocess.Popen([sys.executable, *arguments], env=common | own, stdout=log, stderr=log)
            started.append(process)
        there = Prometheus(tmp_path, ports)
        started.append(there.process)
        eventually(lambda: len(there.query('up{job="suite"} == 1')) == len(commands), 120)
        eventually(lambda: there.query("suite_lag_records"), 120)  # the worker has its partitions
        url = f"http://127.0.0.1:{port}/upload"
        eventually(lambda: requests.get(f"{url}/readyz", timeout=30).ok, 120)
        picture = {"file": ("a.png", encoded(quarters((30, 20)), "PNG"))}
        assert requests.post(f"{url}/api/images", files=picture, timeout=60).status_code == 202
        with KafkaProducer(bootstrap_servers=kafka_env["KAFKA_BOOTSTRAP_SERVERS"]) as producer:
            producer.send(f"{kafka_env['KAFKA_TOPIC_PREFIX']}image", b"no JSON").get(60)
        yield there
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)


@pytest.mark.broker
def test_every_rule_and_every_query_is_answered_on_what_services_tell(prometheus: Prometheus) -> None:
    for query in QUERIES:
        if not any(name in query for name in NOTHING_TO_TELL):
            assert eventually(lambda query=query: prometheus.query(query), 60), query
        prometheus.query(query)
    assert eventually(lambda: prometheus.query(RULES["DeadLetters"]), 60)
    (buried,) = prometheus.query('suite_record_outcomes_total{outcome="dead_letter"} > 0')
    assert (buried["metric"]["service"], buried["metric"]["topic"]) == ("rotate-worker", "image")
    assert eventually(lambda: prometheus.query("sum(suite_dead_letters) == 1"), 60)
    assert eventually(
        lambda: prometheus.query('suite_group_lag_records{group="rotate-worker", topic="image"} == 0'), 60
    )
    (group,) = prometheus.get("rules")["groups"]
    assert {rule["name"]: rule["health"] for rule in group["rules"]} == dict.fromkeys(RULES, "ok")
    for expression in RULES.values():
        prometheus.query(expression)


def test_panels_ask_the_source_that_was_chosen_at_the_import() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    sources = [one["datasource"]["uid"] for panel in PANELS for one in (panel, *panel["targets"])]
    assert set(sources) == {"${datasource}"}
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")
