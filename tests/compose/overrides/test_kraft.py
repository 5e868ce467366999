"""The suite's broker without ZooKeeper (deploy/compose/kraft.yml)."""

import pytest
from containers import containers, docker, wait_until_healthy
from sample_pictures import encoded, quarters
from suite_fixtures import Suite

pytestmark = pytest.mark.compose


def test_there_is_no_zookeeper(suite: Suite) -> None:
    assert suite.ready()
    assert containers("zookeeper") == []


def test_what_was_written_is_there_after_a_restart_of_the_broker(suite: Suite) -> None:
    """The data folder goes on: a broker that made a new cluster of it would not start."""
    (picture,) = suite.upload(("kraft.png", encoded(quarters(), "PNG")))
    suite.finished(picture["id"])
    (broker,) = containers("broker")
    docker("restart", broker)
    wait_until_healthy("broker")
    assert suite.records("image", lambda record: picture["id"].encode() in record.value)
