"""A client that cannot be created leaves its thread and its connections behind.

Symptom: threads and file descriptors grow with every retry while no broker answers. Seen in kafka-python 3.0.12: the
constructors of all clients start the network thread, then raise without stopping it. No public issue known.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

C = TypeVar("C")


def create_client(kind: Callable[..., C], **options: Any) -> C:
    """A client of that class; closes its network again where the constructor raises."""
    with ExitStack() as failed:

        def network(**configs: Any) -> KafkaNetClient:
            return failed.enter_context(closing(KafkaNetClient(**configs)))

        client = kind(kafka_client=network, **options)
        failed.pop_all()
        return client
