"""A broker on one machine, the suite on another (deploy/compose/external-kafka.yml), a reader on a third.

Each machine is a network of its own. No container reaches one of another network; what all of them reach is the port
that the first machine publishes, at its address.
"""

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sample_pictures import encoded, quarters
from suite_fixtures import ROOT, Suite, eventually, free_port

pytestmark = pytest.mark.compose

KAFKA = "confluentinc/cp-kafka:7.9.6"
Compose = Callable[..., str]


def docker(*command: str, **env: str) -> str:
    done = subprocess.run(
        ["docker", *command], cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def machine(folder: Path, *services: str, override: str = "", **settings: str) -> Iterator[tuple[str, Compose]]:
    """A machine with some of the suite's services: the address at which others find its broker, and its `compose`."""
    name = f"first-{uuid.uuid4().hex[:8]}"
    names = folder / "names.yml"
    names.write_text(
        f"networks: {{default: {{name: {name}, external: true}}}}\nvolumes: {{pictures: {{name: {name}}}}}\n"
    )
    docker("network", "create", name)
    address = docker("network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", name)
    port = str(free_port())
    settings |= {"BIND_ADDRESS": address, "KAFKA_ADVERTISED_HOST": address, "KAFKA_PORT": port}
    files = [part for file in ("docker-compose.yml", override, str(names)) if file for part in ("--file", file)]

    def compose(*command: str) -> str:
        return docker("compose", "--project-name", name, *files, *command, **settings)

    try:
        compose("up", "--detach", "--quiet-pull", *services)
        yield f"{address}:{port}", compose
    finally:
        compose("down", "--volumes")
        docker("network", "rm", name)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A machine with the suite's broker alone: the address at which others find that."""
    with machine(tmp_path_factory.mktemp("first"), "broker") as (address, _):
        yield address


@pytest.fixture(scope="module")
def second(first: str) -> Iterator[Suite]:
    """A machine with the suite, and no broker."""
    where = {"kafka_host_url": first}
    try:
        docker("compose", "up", "--detach", "--quiet-pull", **where)
        suite = Suite(os.environ["SUITE_URL"], first)
        eventually(suite.ready, 120, every=1)
        yield suite
    finally:
        docker("compose", "down", "--volumes", **where)


@pytest.fixture
def third() -> Iterator[str]:
    """A machine with nothing; the name of its network."""
    name = f"third-{uuid.uuid4().hex[:8]}"
    docker("network", "create", name)
    yield name
    docker("network", "rm", name)


def test_a_picture_goes_the_whole_way_and_a_reader_elsewhere_sees_it(first: str, second: Suite, third: str) -> None:
    (accepted,) = second.upload(("perfil.png", encoded(quarters(), "PNG")))
    finished = second.finished(accepted["id"], 90)
    assert {one["status"] for one in finished["operations"].values()} == {"done"}

    consumer = ("kafka-console-consumer", "--bootstrap-server", first, "--topic", "notification", "--from-beginning")
    read = docker("run", "--rm", "--network", third, KAFKA, *consumer, "--max-messages", "3", "--timeout-ms", "30000")
    told = [json.loads(line) for line in read.splitlines()]
    assert {one["new_file"] for one in told} == {accepted["new_file"]}
    assert {one["operation"] for one in told} == finished["operations"].keys()


def test_the_second_machine_has_no_broker_and_knows_the_first_by_its_address_alone(first: str, second: Suite) -> None:
    running = docker("compose", "ps", "--all", "--services", kafka_host_url=first).splitlines()
    assert "rotate-worker" in running
    assert not {"broker", "zookeeper"} & set(running)
    look_up = "import socket; socket.create_connection(('broker', 29092), 5)"
    with pytest.raises(AssertionError, match="gaierror"):
        docker("compose", "exec", "-T", "rotate-worker", "python", "-c", look_up, kafka_host_url=first)


def test_a_managed_cluster_is_entered_with_the_certificate_of_its_authority(tmp_path: Path) -> None:
    password = uuid.uuid4().hex
    secured = machine(tmp_path, "access", override="deploy/compose/sasl.yml", KAFKA_SASL_PASSWORD=password)
    with secured as (address, compose):
        assert docker("wait", compose("ps", "--all", "--quiet", "access")) == "0"
        authority = tmp_path / "ca.crt"
        authority.write_text(compose("exec", "-T", "broker", "cat", "/certificates/ca.crt"), "utf-8")
        tmp_path.chmod(0o755)
        settings = {
            "kafka_host_url": address,
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": "suite",
            "KAFKA_SASL_PASSWORD": password,
            "KAFKA_SSL_CAFILE": str(authority),
            "KAFKA_TOPIC_PREFIX": "suite-",
        }
        try:
            docker("compose", "run", "--rm", "-T", "topics", **settings)
        finally:
            docker("compose", "down", "--volumes", **settings)
        local = ("kafka-topics", "--bootstrap-server", "127.0.0.1:29094", "--list")
        assert "suite-image" in compose("exec", "-T", "-e", "KAFKA_OPTS=", "broker", *local).splitlines()
