"""How long a client is waited for, and when that is of no use: the broker's last word is heard."""

import logging
import socket
from collections.abc import Callable

import pytest
from bus.clients import patiently
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
