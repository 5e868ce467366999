"""The broker of a run: real Kafka in a container where a Docker engine answers, else the embedded one.

BENCH_BROKER=embedded takes the embedded one anyhow.
"""

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import suite_fixtures
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from .programs import on_cores
from .scope import say

IMAGE = "confluentinc/cp-kafka:7.9.6"
STARTS_WITHIN_SECONDS = 90
ENGINE_ANSWERS_WITHIN_SECONDS = 10


@dataclass(frozen=True)
class Broker:
    """A broker that answers."""

    name: str
    address: str
    settings: dict[str, str]
    """What clients of this broker are set to, as environment variables."""


@contextmanager
def running_broker(cores: set[int]) -> Iterator[Broker]:
    """A broker that has these cores alone, until the block ends."""
    if os.environ.get("BENCH_BROKER") != "embedded" and _engine_answers():
        with _container(cores) as address:
            settings = {"KAFKA_SESSION_TIMEOUT_MS": "15000"}
            yield Broker(f"Kafka in a container ({IMAGE})", address, settings)
        return
    with on_cores(cores):
        embedded = suite_fixtures.Broker()
    try:
        settings = {
            "KAFKA_SESSION_TIMEOUT_MS": "6000",  # Tansu lets a first member wait in proportion
            "KAFKA_FETCH_MAX_WAIT_MS": "50",  # Tansu answers an idle fetch only when this is over
        }
        yield Broker("Tansu, embedded", embedded.address, settings)
    finally:
        embedded.stop()


def _engine_answers() -> bool:
    try:
        return _docker("version", timeout=ENGINE_ANSWERS_WITHIN_SECONDS).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def _container(cores: set[int]) -> Iterator[str]:
    """The address of a broker in KRaft mode, one node, which keeps nothing."""
    say(f"starting {IMAGE}")
    name, port = f"bench-{uuid.uuid4().hex[:8]}", suite_fixtures.free_port()
    environment = {
        "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk",
        "KAFKA_NODE_ID": 1,
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:29093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://localhost:29093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": 0,
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": 1,
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": 1,
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": 1,
        "KAFKA_HEAP_OPTS": "-Xms512M -Xmx512M",
        "KAFKA_LOG4J_ROOT_LOGLEVEL": "WARN",
    }
    variables = [part for variable, value in environment.items() for part in ("--env", f"{variable}={value}")]
    where = ["--cpuset-cpus", ",".join(map(str, sorted(cores))), "--publish", f"127.0.0.1:{port}:{port}"]
    address = f"127.0.0.1:{port}"
    try:
        started = _docker("run", "--detach", "--name", name, *where, *variables, IMAGE)
        if started.returncode:
            raise SystemExit(f"{started.stderr}BENCH_BROKER=embedded needs no container")
        _wait_for(address, name)
        yield address
    finally:
        _docker("rm", "--force", "--volumes", name)


def _wait_for(address: str, container: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while True:
        try:
            KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=2_000).close()
            return
        except KafkaError:
            if time.monotonic() > deadline:
                logs = _docker("logs", "--tail", "20", container)
                raise SystemExit(f"{IMAGE} does not answer\n{logs.stdout}{logs.stderr}") from None
        time.sleep(0.5)


def _docker(*arguments: str, timeout: float | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=timeout, check=False)
