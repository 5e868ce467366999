"""How long a client is waited for, and when that is of no use: the broker's last word is heard."""

import gc
import logging
import os
import socket
import threading
from collections.abc import Callable

import pytest
from bus import clients
from bus.clients import connect_admin, connect_consumer, patiently
from bus.cluster import ClusterView
from bus.settings import EXIT_CONFIG, KafkaSettings
from kafka.errors import KafkaTimeoutError
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport


def refused() -> None:
    """What making a client does where the broker refuses the login."""
    logging.getLogger("kafka.net").error("Connection failed: [Error 58] SaslAuthenticationFailedError")
    raise KafkaTimeoutError("Unable to bootstrap")


def told_at(call: int) -> Callable[[], bool]:
    """Says from that call on that the process shall stop."""
    answers = iter([False] * (call - 1))
    return lambda: next(answers, True)


def in_use(caplog: pytest.LogCaptureFixture) -> tuple[set[threading.Thread], int]:
    """Threads, and how many files are open."""
    caplog.set_level(logging.CRITICAL, "kafka")  # its log holds what has failed, and pytest holds the log
    gc.collect()
    return set(threading.enumerate()), len(os.listdir("/dev/fd"))


def test_a_refused_login_ends_the_process_with_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        patiently(refused, KafkaSettings())
    assert ended.value.code == EXIT_CONFIG
    (line,) = capfd.readouterr().err.splitlines()
    assert "KAFKA_SASL_PASSWORD" in line


def test_who_is_told_to_stop_meanwhile_stops_and_no_more(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InterruptedError):
        patiently(refused, KafkaSettings(), told_at(2))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("connect", [connect_admin, connect_consumer])
def test_a_client_that_no_broker_answers_leaves_nothing_behind(
    connect: Callable[..., object], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clients, "BOOTSTRAP_TIMEOUT_MS", 50)
    before = in_use(caplog)
    with pytest.raises(InterruptedError):
        connect(KafkaSettings(kafka_bootstrap_servers="127.0.0.1:9"), told_at(3))
    assert in_use(caplog) == before


def test_nor_does_a_look_at_the_cluster(caplog: pytest.LogCaptureFixture) -> None:
    before = in_use(caplog)
    assert ClusterView(KafkaSettings(kafka_bootstrap_servers="127.0.0.1:9")).problem()
    assert in_use(caplog) == before


@pytest.mark.parametrize("kind", [KafkaTCPTransport, KafkaSSLTransport])
def test_what_came_together_with_the_end_of_a_connection_is_read_first(kind: type[KafkaTCPTransport]) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.sendall(b"this login is refused")
    theirs.close()
    transport = object.__new__(kind)
    KafkaTCPTransport.__init__(transport, None, ours)
    assert transport._sock_recv() == (b"this login is refused", None)
    data, error = transport._sock_recv()
    assert not data
    assert "disconnected" in str(error)
    ours.close()
