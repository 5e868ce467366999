"""What is broken while the load goes on.

A fault returns in the moment in which nothing is broken any more: what was killed may still be starting then.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from containers import compose, containers, docker, state, wait_until_healthy
from kafka import KafkaProducer
from suite_fixtures import Suite, eventually

from .load import Load

NETWORK = "minharede"
OURS = (
    "image-upload",
    "rotate-worker",
    "grayscale-worker",
    "caption-worker",
    "notifier",
    "chatbot",
    "sentiment-consumer",
    "nginx",
)


@dataclass(frozen=True)
class Scene:
    """Where a fault happens: `chance` draws when and what."""

    suite: Suite
    load: Load
    chance: random.Random


Inject = Callable[[int, Scene], None]


@dataclass(frozen=True)
class Fault:
    """`inject` breaks something so many times, with pauses from `chance`, and returns when nothing is broken."""

    name: str
    times: int
    inject: Inject


def kill(*services: str) -> Inject:
    """SIGKILL of the main process of one of them, or of all of them where they are one place (broker and ZooKeeper)."""

    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.5, 4))
            service = scene.chance.choice(services)
            wait_until_healthy(service)
            _kill(service)

    return inject


def kill_together(*services: str) -> Inject:
    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.5, 4))
            for service in services:
                wait_until_healthy(service)
            for service in services:
                _kill(service)

    return inject


def terminate(*services: str) -> Inject:
    """`docker stop`, and a start. Raises AssertionError where one does not end with status 0."""

    def inject(times: int, scene: Scene) -> None:
        for number in range(times):
            time.sleep(scene.chance.uniform(0.5, 3))
            service = services[number % len(services)]
            wait_until_healthy(service)
            compose("stop", service)
            assert state(service)["ExitCode"] == 0, f"{service} ends with {state(service)['ExitCode']} on SIGTERM"
            compose("start", service)

    return inject


def scale(service: str, most: int) -> Inject:
    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            for number in (most, 1):
                compose("up", "--detach", "--no-recreate", "--scale", f"{service}={number}", service)
                time.sleep(scene.chance.uniform(8, 15))

    return inject


def freeze(service: str, seconds: float) -> Inject:
    """All its processes stand still and then go on, as if nothing had been: others have its partitions by then."""

    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.5, 3))
            wait_until_healthy(service)
            for container in containers(service):
                docker("pause", container)
            time.sleep(seconds)
            for container in containers(service):
                docker("unpause", container)

    return inject


def cut_off(service: str, seconds: float) -> Inject:
    """Its container has no network."""

    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.5, 3))
            wait_until_healthy(service)
            (container,) = containers(service)
            docker("network", "disconnect", NETWORK, container)
            time.sleep(seconds)
            docker("network", "connect", "--alias", service, NETWORK, container)

    return inject


def one_way(service: str, seconds: float) -> Inject:
    """It sends and hears nothing in answer: what comes in is dropped, but from itself."""

    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.5, 3))
            wait_until_healthy(service)
            with _in_network_of(service) as run:
                run("iptables", "-A", "INPUT", "!", "-i", "lo", "-j", "DROP")
                time.sleep(seconds)

    return inject


def slow_network(service: str, seconds: float, delay_ms: int, loss_percent: int) -> Inject:
    """What it sends is late, or lost and sent again."""

    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            with _in_network_of(service) as run:
                netem = ["netem", "delay", f"{delay_ms}ms", "loss", f"{loss_percent}%"]
                run("tc", "qdisc", "add", "dev", "eth0", "root", *netem)
                time.sleep(seconds)

    return inject


def read_only_store(service: str, seconds: float) -> Inject:
    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            time.sleep(scene.chance.uniform(0.5, 3))
            wait_until_healthy(service)
            pid = str(state(service)["Pid"])
            mount = ["nsenter", "--target", pid, "--mount", "mount", "-o"]
            subprocess.run([*mount, "remount,bind,ro", "/data"], check=True, capture_output=True)
            time.sleep(seconds)
            subprocess.run([*mount, "remount,bind,rw", "/data"], check=True, capture_output=True)

    return inject


def poison(times: int, scene: Scene) -> None:
    """Records on `image` that no worker can read, between those of the load."""
    producer = KafkaProducer(**scene.suite.client())
    for number in range(times):
        time.sleep(scene.chance.uniform(0.1, 0.6))
        producer.send(scene.suite.topic("image"), f"poison {number}".encode()).get(60)
        scene.load.accepted.poison += 1
    producer.close()


def repeat_uploads(times: int, scene: Scene) -> None:
    """Records of `image` once more, in another order than they came."""
    records = scene.suite.records("image", lambda record: not record.value.startswith(b"poison"))
    producer = KafkaProducer(**scene.suite.client())
    for record in scene.chance.sample(records, min(times, len(records))):
        producer.send(record.topic, record.value, record.key, list(record.headers)).get(60)
    producer.close()


def any_of(faults: Iterable[Inject]) -> Inject:
    """One after another, drawn at random."""
    drawn = list(faults)

    def inject(times: int, scene: Scene) -> None:
        for _ in range(times):
            scene.chance.choice(drawn)(1, scene)

    return inject


def _kill(service: str) -> None:
    """SIGKILL of the main process of its first container; returns when that is over. Docker starts it again."""
    pid = state(service)["Pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: state(service)["Pid"] != pid, 60)


@contextmanager
def _in_network_of(service: str) -> Iterator[Callable[..., None]]:
    """Runs commands of this machine in the network namespace of the service's container; puts right what they left."""
    prefix = ["nsenter", "--target", str(state(service)["Pid"]), "--net"]

    def run(*command: str, check: bool = True) -> None:
        subprocess.run([*prefix, *command], check=check, capture_output=True)

    try:
        yield run
    finally:
        run("iptables", "-F", "INPUT", check=False)
        run("tc", "qdisc", "del", "dev", "eth0", "root", check=False)
