"""What the pages show of containers comes true: Kafka's own commands in the suite, and a broker by `docker run`."""

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from console import Terminal, steps
from test_console import SHOWN, named

pytestmark = pytest.mark.compose

GROUPS_TIMEOUT_MS = 120_000
"""Of kafka-consumer-groups; by default it gives up after 5 s, which a machine with much else to do does not make."""


def docker(*command: str) -> str:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("page", [page for page in SHOWN if steps(page, "compose")], ids=named)
@pytest.mark.usefixtures("suite")
def test_what_a_page_shows_with_containers_comes_true(page: Path) -> None:
    instead = {
        # Without a terminal, and as in one: in two streams, errors and output come in no certain order.
        "docker compose exec broker": "docker compose exec -T broker sh -c '\"$@\" 2>&1' sh",
        "kafka-consumer-groups ": f"kafka-consumer-groups --timeout {GROUPS_TIMEOUT_MS} ",
    }
    with Terminal(instead) as terminal:
        for step in steps(page, "compose"):
            terminal.run(step)


@pytest.fixture
def room() -> Iterator[str]:
    """A name for the network and the volume; all with it, and all containers with such a label, is taken away."""
    name = f"by-hand-{secrets.token_hex(4)}"
    yield name
    if containers := docker("ps", "--all", "--quiet", "--filter", f"label={name}").split():
        docker("rm", "--force", "--volumes", *containers)
    docker("network", "rm", name)
    docker("volume", "rm", name)


@pytest.mark.parametrize("page", [page for page in SHOWN if steps(page, "docker")], ids=named)
def test_what_a_page_shows_by_docker_run_comes_true(page: Path, room: str) -> None:
    instead = {"docker run ": f"docker run --label {room} ", "pictures:/data": f"{room}:/data", "minharede": room}
    with Terminal(instead) as terminal:
        for step in steps(page, "docker"):
            terminal.run(step)
