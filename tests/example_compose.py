"""An example's compose file on the real engine, by both generations of Compose, under a project name of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from containers import assert_confined


def _old_compose() -> bool:
    if not shutil.which("docker-compose"):
        return False
    version = subprocess.run(["docker-compose", "version", "--short"], capture_output=True, text=True, check=False)
    return version.stdout.startswith("1.")


GENERATIONS = [
    pytest.param(("docker", "compose"), id="compose-2"),
    pytest.param(
        ("docker-compose",),
        id="compose-1.29",
        marks=pytest.mark.skipif(not _old_compose(), reason="docker-compose 1.29 is not here"),
    ),
]


class Project:
    """The containers of one compose file."""

    def __init__(self, folder: Path, command: tuple[str, ...], name: str, env: dict[str, str]) -> None:
        self._command, self._folder, self._env = (*command, "--project-name", name), folder, os.environ | env

    def __call__(self, *arguments: str) -> str:
        """What `docker compose ARGUMENTS` prints; a failure says why."""
        done = subprocess.run(
            [*self._command, *arguments], cwd=self._folder, env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def inspected(self, service: str) -> list[dict[str, Any]]:
        """What the engine knows of each container of the service."""
        containers = self("ps", "--quiet", service).split()
        done = subprocess.run(["docker", "inspect", *containers], capture_output=True, text=True, check=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def assert_hardened(self, service: str) -> None:
        """Fail unless its containers are not root, write nowhere, may nothing, and are published to loopback alone."""
        for container in self.inspected(service):
            assert_confined(container)
            published = [one for ports in container["NetworkSettings"]["Ports"].values() for one in ports or ()]
            assert {one["HostIp"] for one in published} <= {"127.0.0.1"}

    def stopped(self, service: str) -> list[int]:
        """Stop the service, and return the exit status of each of its containers."""
        containers = [one["Id"] for one in self.inspected(service)]
        self("stop", service)
        done = subprocess.run(
            ["docker", "inspect", "--format", "{{.State.ExitCode}}", *containers],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [int(status) for status in done.stdout.split()]


@contextmanager
def project(folder: Path, command: tuple[str, ...], name: str, **env: str) -> Iterator[Project]:
    """The compose file of `folder`, built; whatever it has started is taken down in the end, volumes too."""
    compose = Project(folder, command, name, env)
    try:
        compose("build")
        yield compose
    finally:
        compose("down", "--volumes", "--remove-orphans")
