"""The suite's containers, by Docker's own commands."""

import json
import subprocess
from typing import Any

from suite_fixtures import ROOT, eventually


def docker(*command: str) -> str:
    return subprocess.run(["docker", *command], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def compose(*command: str) -> str:
    return docker("compose", *command)


def containers(service: str) -> list[str]:
    return compose("ps", "--all", "--quiet", service).split()


def inspect(container: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(docker("inspect", container))[0]
    return found


def state(service: str) -> dict[str, Any]:
    """Of the first container of the service."""
    found: dict[str, Any] = inspect(containers(service)[0])["State"]
    return found


def healthy(service: str) -> bool:
    """Whether the health check of its first container says so."""
    return bool(state(service)["Health"]["Status"] == "healthy")


def wait_until_healthy(service: str, seconds: float = 180) -> None:
    """A container without a health check counts as healthy while it runs."""

    def good() -> bool:
        now = state(service)
        return bool(now["Running"]) and now.get("Health", {}).get("Status", "healthy") == "healthy"

    eventually(good, seconds, every=0.5)


def addresses(service: str) -> list[str]:
    """Of all its containers in the suite's network."""
    networks = [inspect(one)["NetworkSettings"]["Networks"]["minharede"] for one in containers(service)]
    return [str(network["IPAddress"]) for network in networks]


def assert_confined(container: dict[str, Any]) -> None:
    """Fail unless it is not root, writes nowhere, may nothing, is bounded, and is published to loopback alone."""
    host = container["HostConfig"]
    assert container["Config"]["User"].split(":")[0] not in {"", "0", "root"}
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    for bindings in (host["PortBindings"] or {}).values():
        assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}
