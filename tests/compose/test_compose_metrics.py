"""Prometheus beside the suite: it reads every service by the network's names."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from containers import assert_confined, compose, containers, docker, healthy, inspect
from events.services import SERVICES
from suite_fixtures import Suite, eventually

pytestmark = pytest.mark.compose

URL = f"http://localhost:{os.environ.get('PROMETHEUS_PORT') or 9090}/api/v1/"


def query(expression: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{URL}query", params={"query": expression}, timeout=30)
    assert answer.ok, answer.text
    return list(answer.json()["data"]["result"])


@pytest.fixture(scope="module")
def prometheus(suite: Suite) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSE_PROFILES", "metrics")
        compose("build", "--quiet", "prometheus")
        compose("up", "--detach", "--no-deps", "prometheus")
        try:
            eventually(lambda: healthy("prometheus"), 120, every=1)
            yield
        finally:
            compose("rm", "--force", "--stop", "prometheus")


def test_it_is_off_without_its_profile() -> None:
    assert "prometheus" not in compose("config", "--services").split()


@pytest.mark.usefixtures("prometheus")
def test_every_service_is_read() -> None:
    names = {service.name for service in SERVICES}
    eventually(lambda: {one["metric"]["service"] for one in query('up{job="suite"} == 1')} == names, 120, every=1)
    eventually(lambda: query('suite_group_members{group="rotate-worker"} > 0'), 120, every=1)


@pytest.mark.usefixtures("prometheus")
def test_the_container_gives_no_more_than_is_needed_and_ends_in_order() -> None:
    (name,) = containers("prometheus")
    container = inspect(name)
    assert container["Config"]["User"] == "10001:10001"
    assert_confined(container)
    assert container["HostConfig"]["PortBindings"]
    docker("stop", name)
    assert inspect(name)["State"]["ExitCode"] == 0
