"""Data that arrives together with the end of a connection is thrown away.

Symptom: the broker's answer that a login is refused is lost, most of all on a busy machine; the caller sees a timeout.
Seen in kafka-python 3.0.12: `_sock_recv` returns the data and the error, its caller looks at the error alone. No public
issue known.
"""

from collections.abc import Callable
from typing import Any

from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport


def apply() -> None:
    for transport in (KafkaTCPTransport, KafkaSSLTransport):
        transport._sock_recv = _data_first(transport._sock_recv)


def _data_first(receive: Callable[[Any], tuple[bytes, Exception | None]]) -> Callable[[Any], Any]:
    """Report the end of the connection with the next call, which has no data."""

    def received(transport: Any) -> tuple[bytes, Exception | None]:
        data, error = receive(transport)
        return data, None if data else error

    return received
