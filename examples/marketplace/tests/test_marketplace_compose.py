"""The shop in containers: by both generations of Compose, and by hand."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from example_compose import GENERATIONS, Project, project
from suite_fixtures import eventually, free_port

pytestmark = pytest.mark.compose

FOLDER = Path(__file__).parents[1]
PORT = free_port()
SERVICES = ("marketplace", "recommendations")


def page() -> str:
    try:
        response = requests.get(f"http://localhost:{PORT}/", headers={"Accept-Language": "en"}, timeout=10)
    except requests.ConnectionError as error:
        raise AssertionError from error  # not up yet
    assert response.status_code == 200
    return response.text


def books() -> bool:
    return page().count("<li>") == 3


def who_answered() -> str:
    found = re.search(r"recommendations <code>([^<]+)", page())
    return found[1] if found else ""


# First, because compose makes the same network.
def test_they_run_by_hand_on_a_network_of_that_name() -> None:
    def docker(*command: str) -> str:
        done = subprocess.run(["docker", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    for service in SERVICES:
        docker("build", ".", "-f", f"{service}/Dockerfile", "-t", service)
    docker("network", "create", "microservices")
    started = []
    try:
        started.append(
            docker("run", "-d", "--network", "microservices", "--name", "recommendations", "recommendations")
        )
        started.append(
            docker("run", "-d", "--network", "microservices", "-p", f"127.0.0.1:{PORT}:5000",
                   "-e", "RECOMMENDATIONS_HOST=recommendations", "marketplace")
        )  # fmt: skip
        eventually(books, 180, every=0.5)
    finally:
        if started:
            docker("rm", "--force", *started)
        docker("network", "rm", "microservices")


@pytest.fixture(scope="module", params=GENERATIONS)
def shop(request: pytest.FixtureRequest) -> Iterator[Project]:
    with project(FOLDER, request.param, "marketplace-test", MARKETPLACE_PORT=str(PORT)) as compose:
        compose("up", "--detach")
        eventually(books, 180, every=0.5)
        yield compose


def test_the_containers_are_hardened(shop: Project) -> None:
    for service in SERVICES:
        shop.assert_hardened(service)


def test_its_own_tests_run_in_the_containers(shop: Project) -> None:
    assert "1 passed" in shop("exec", "-T", "marketplace", "pytest", "marketplace_integration_test.py")
    assert "passed" in shop("exec", "-T", "recommendations", "pytest", "recommendations_test.py")


def test_both_become_healthy(shop: Project) -> None:
    for service in SERVICES:
        eventually(
            lambda service=service: shop.inspected(service)[0]["State"]["Health"]["Status"] == "healthy", 180, every=1
        )


def test_the_page_stays_up_while_recommendations_are_away_and_has_them_back(shop: Project) -> None:
    assert shop.stopped("recommendations") == [0]
    assert "Recommendations are not available right now." in page()
    shop("start", "recommendations")
    eventually(books, 180, every=0.5)


def test_replicas_that_are_added_get_their_share(shop: Project) -> None:
    shop("up", "--detach", "--scale", "recommendations=3")
    replicas = {container["Config"]["Hostname"] for container in shop.inspected("recommendations")}
    assert len(replicas) == 3
    eventually(lambda: {who_answered() for _ in range(6)} == replicas, 180, every=0.5)


def test_sigterm_ends_them_with_status_0(shop: Project) -> None:
    assert shop.stopped("marketplace") == [0]
    assert set(shop.stopped("recommendations")) == {0}
