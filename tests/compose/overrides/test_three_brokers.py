"""Three brokers (deploy/compose/three-brokers.yml), of which one after another dies and comes back."""

import random

import pytest
from chaos.account import account
from chaos.load import Load
from chaos.observe import dead_letters, settled, unexpected
from containers import compose, containers, docker, wait_until_healthy
from suite_fixtures import Suite, eventually

pytestmark = pytest.mark.compose

BROKERS = ("broker", "broker-2", "broker-3")
BOOTSTRAP = "broker:29092,broker-2:29092,broker-3:29092"


def described(*options: str) -> list[str]:
    """What kafka-topics says of the topics, from a broker that runs."""
    command = ["kafka-topics", "--bootstrap-server", BOOTSTRAP, "--describe", *options]
    lines = compose("exec", "-T", BROKERS[-1], *command).splitlines()
    return [line for line in lines if line.strip().startswith("Topic:")]


def test_every_topic_has_three_copies_and_wants_two(suite: Suite) -> None:
    assert suite.ready()
    topics = [line for line in described() if "PartitionCount" in line]
    assert {"image", "notification", "chatbot", "notifier.memory"} <= {line.split()[1] for line in topics}
    assert all("ReplicationFactor: 3" in line and "min.insync.replicas=2" in line for line in topics), topics


def test_one_broker_after_another_dies_and_nothing_is_lost(suite: Suite) -> None:
    """While one is away the suite is in use: pictures come back, messages are answered."""
    before = dead_letters(suite)
    load = Load(suite, random.Random(3))
    load.start()
    try:
        for broker in BROKERS:
            (container,) = containers(broker)
            docker("kill", container)  # stays away until it is started
            for _ in range(3):
                suite.finished(load.send_picture(), 120)
            docker("start", container)
            wait_until_healthy(broker)
            eventually(lambda: not described("--under-replicated-partitions"), 180, every=1)
    finally:
        load.stop()
    found = account(load.accepted, settled(suite, load, before))
    assert found.accepted > 0
    assert found.clean, unexpected([*found.lost, *found.doubled, *found.wrong])
