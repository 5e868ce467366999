"""Data that arrives together with the end of a connection is read before that end is reported."""

import socket

import pytest
from bus import kafka_fixes
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport


@pytest.mark.parametrize("kind", [KafkaTCPTransport, KafkaSSLTransport])
def test_what_came_together_with_the_end_of_a_connection_is_read_first(kind: type[KafkaTCPTransport]) -> None:
    kafka_fixes.apply()
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
