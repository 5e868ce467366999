"""A refused login is reported nowhere but in the log.

Symptom: with a wrong password clients retry forever, and callers see timeouts. Seen in kafka-python 3.0.12:
`KafkaConnectionManager.auth_failure()`, made for this (https://github.com/dpkp/kafka-python/pull/2994), stays empty,
since `KafkaConnection.initialize` catches the error before `_connect` can record it. Recording it there would be wrong
for us too: it is never cleared, so that a login refused for a moment is final.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka.errors import SaslAuthenticationFailedError
from kafka.net.connection import KafkaConnection


class LoginWatch:
    """Whether a login was refused; set to False, it waits for the next refusal."""

    refused = False


_watches: set[LoginWatch] = set()
_lock = threading.Lock()


@contextmanager
def watch_logins() -> Iterator[LoginWatch]:
    """Watch the logins of all clients of this process."""
    watch = LoginWatch()
    with _lock:
        _watches.add(watch)
    try:
        yield watch
    finally:
        with _lock:
            _watches.discard(watch)


def apply() -> None:
    connection_lost = KafkaConnection.connection_lost

    def noted(connection: Any, error: Exception | None) -> None:
        if isinstance(error, SaslAuthenticationFailedError):
            with _lock:
                for watch in _watches:
                    watch.refused = True
        connection_lost(connection, error)

    KafkaConnection.connection_lost = noted
