"""Nagios beside the suite: who stops is told by mail, who comes back too, and a restart forgets nothing."""

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from containers import assert_confined, compose, containers, docker, healthy, inspect
from suite_fixtures import Suite, eventually

pytestmark = pytest.mark.compose

CHECK_SECONDS = "30"
CONTACT = "plantao@exemplo.org"
OK = 2
"""What the JSON of Nagios calls that state; as a hard state it is 0, and CRITICAL is 2."""


class Console:
    """Nagios's pages, with the login that it has printed."""

    def __init__(self) -> None:
        self.url = f"http://localhost:{os.environ.get('NAGIOS_PORT') or 8081}"
        self.login: tuple[str, str] = ("", "")

    def printed(self) -> list[tuple[str, str]]:
        log = docker("logs", containers("nagios")[0])
        return re.findall(r"usuário (\S+), senha (\S+)", log)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url + path, auth=self.login, timeout=30, **options)

    def services(self) -> dict[tuple[str, str], dict[str, Any]]:
        """By host and name."""
        answer = self.get("/nagios4/cgi-bin/statusjson.cgi?query=servicelist&details=true")
        assert answer.ok, answer.text
        found = answer.json()["data"]["servicelist"]
        return {(host, name): service for host, services in found.items() for name, service in services.items()}


@pytest.fixture(scope="module")
def console(suite: Suite) -> Iterator[Console]:
    there = Console()
    environment = {"NAGIOS_CHECK_SECONDS": CHECK_SECONDS, "NAGIOS_CONTACT_EMAIL": CONTACT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSE_PROFILES", "monitoring")
        for name, value in environment.items():
            patch.setenv(name, value)
        compose("build", "--quiet", "nagios")
        # What an earlier run has left, but for the picture that may be on its way: the login is printed once alone.
        forget = ("find", "/var/lib/nagios4", "-mindepth", "1", "!", "-name", "imagem.json", "-delete")
        compose("run", "--rm", "--no-deps", "-T", "nagios", *forget)
        compose("up", "--detach", "--no-deps", "nagios")
        try:
            (there.login,) = eventually(there.printed, 60, every=1)
            eventually(lambda: healthy("nagios"), 120, every=1)
            yield there
        finally:
            compose("rm", "--force", "--stop", "nagios")


def test_it_is_off_without_its_profile() -> None:
    assert "nagios" not in compose("config", "--services").split()


def test_the_address_leads_to_the_console_and_asks_for_the_login(console: Console) -> None:
    assert requests.get(f"{console.url}/", timeout=30).status_code == 401
    answer = console.get("/")
    assert answer.ok
    assert answer.url == f"{console.url}/nagios4/"
    assert "<title>Nagios" in answer.text
    assert requests.get(console.url, auth=("nagiosadmin", "wrong"), timeout=30).status_code == 401


def test_a_page_of_another_site_gets_no_further_than_the_console(console: Console) -> None:
    assert console.get("/", headers={"Sec-Fetch-Site": "cross-site"}).ok
    answer = console.get("/nagios4/cgi-bin/cmd.cgi", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_all_is_ok_and_what_nobody_started_is_off_by_choice(console: Console, suite: Suite) -> None:
    def all_ok() -> dict[tuple[str, str], dict[str, Any]]:
        found = console.services()
        watched = {key: one for key, one in found.items() if key[1] != "Cartas mortas"}  # other tests have made some
        assert {key: one["plugin_output"] for key, one in watched.items() if one["status"] != OK} == {}
        assert len(found) > 30
        assert "uma imagem passou" in found["image-upload", "Imagem de ponta a ponta"]["plugin_output"]
        return found

    found = eventually(all_ok, 420, every=5)
    for host in ("wsgi-app-container", "produtos-nginx", "classificador-produtos"):
        assert {"desligado por escolha" in one["plugin_output"] for key, one in found.items() if key[0] == host} == {
            True
        }

    def taken_away() -> bool:
        names = [image["original_name"] for image in suite.get("/upload/api/images").json()["images"]]
        return not [name for name in names if name.startswith("sonda-")]

    eventually(taken_away, 60, every=1)
    eventually(lambda: suite.mails("sonda@minharede.example") == [], 60, every=1)


def test_who_stops_is_told_and_who_comes_back_too(console: Console, suite: Suite) -> None:
    host, name = "grayscale-worker", "Batimento"

    def hard_state() -> int | None:
        service = console.services().get((host, name), {})
        return None if "desligado" in service.get("plugin_output", "") else service.get("last_hard_state")

    eventually(lambda: hard_state() == 0, 240, every=3)
    compose("stop", host)
    try:
        eventually(lambda: hard_state() == 2, 240, every=3)
        told = f"CRITICAL: {host} – {name}"
        eventually(lambda: told in suite.mails(CONTACT), 60, every=1)
        (container,) = containers("nagios")
        started = inspect(container)["State"]["StartedAt"]
        docker("restart", container)
        assert inspect(container)["State"]["StartedAt"] != started
        eventually(lambda: healthy("nagios"), 120, every=1)
        assert hard_state() == 2
        assert console.printed() == [console.login]
    finally:
        compose("start", host)
    eventually(lambda: f"OK: {host} – {name}" in suite.mails(CONTACT), 240, every=3)
    assert suite.mails(CONTACT).count(told) == 1


def test_the_container_gives_no_more_than_is_needed(console: Console) -> None:
    container = inspect(containers("nagios")[0])
    assert container["Config"]["User"] == "10001:10001"
    assert_confined(container)
    assert container["HostConfig"]["PortBindings"]


def test_sigterm_ends_it_with_status_0(console: Console) -> None:
    (container,) = containers("nagios")
    docker("stop", container)
    assert inspect(container)["State"]["ExitCode"] == 0
