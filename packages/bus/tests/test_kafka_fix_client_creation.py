"""A client that no broker answers leaves nothing behind."""

import gc
import logging
import os
import threading
from collections.abc import Callable

import pytest
from bus import clients
from bus.clients import connect_admin, connect_consumer
from bus.cluster import ClusterView
from bus.producer import NotPublished, Outgoing, Producer
from bus.settings import KafkaSettings
from suite_fixtures import eventually

NOWHERE = KafkaSettings(kafka_bootstrap_servers="127.0.0.1:9")


def in_use(caplog: pytest.LogCaptureFixture) -> tuple[set[threading.Thread], int]:
    """Threads, and how many files are open."""
    caplog.set_level(logging.CRITICAL, "kafka")  # its log holds what has failed, and pytest holds the log
    gc.collect()
    return set(threading.enumerate()), len(os.listdir("/dev/fd"))


def nothing_new(before: tuple[set[threading.Thread], int], caplog: pytest.LogCaptureFixture) -> bool:
    """Whether all that is in use was so before; what other tests have left may end at any time."""
    threads, files = in_use(caplog)
    return threads <= before[0] and files <= before[1]


@pytest.mark.parametrize("connect", [connect_admin, connect_consumer])
def test_a_client_that_no_broker_answers_leaves_nothing_behind(
    connect: Callable[..., object], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clients, "BOOTSTRAP_TIMEOUT_MS", 50)
    before = in_use(caplog)
    tries = iter([False, False])
    with pytest.raises(InterruptedError):
        connect(NOWHERE, lambda: next(tries, True))
    eventually(lambda: nothing_new(before, caplog))


def test_nor_does_a_look_at_the_cluster(caplog: pytest.LogCaptureFixture) -> None:
    before = in_use(caplog)
    assert ClusterView(NOWHERE).problem()
    eventually(lambda: nothing_new(before, caplog))


def test_nor_does_a_producer(caplog: pytest.LogCaptureFixture) -> None:
    before = in_use(caplog)
    with pytest.raises(NotPublished):
        Producer(NOWHERE, timeout=0.2).publish([Outgoing("image", None, b"{}", [])])
    eventually(lambda: nothing_new(before, caplog))
