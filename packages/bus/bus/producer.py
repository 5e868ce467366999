"""The producer: an event counts as published when the broker has said so."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from .errors import Passing
from .events import Cause, Encoded, Headers, headers_of
from .log import get_logger
from .settings import KafkaSettings
from .topics import MAX_DEAD_LETTER_BYTES

log = get_logger(__name__)

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


class NotPublished(Passing):
    """The broker did not acknowledge in time. It may still have the record: publish again, ids tell the doubles."""


class Place(NamedTuple):
    """Where a record stands; `topic` is the suite's own name."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Outgoing:
    """A record on its way: `topic` is the suite's own name; its time is that of sending, unless `timestamp_ms` is."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None = None
    timestamp_ms: int | None = None

    @classmethod
    def of(
        cls, topic: str, event: Encoded, source: str, cause: Cause | None = None, at: float | None = None
    ) -> "Outgoing":
        """The record that `event` becomes when the service `source` publishes it; `at`: seconds since 1970."""
        headers = headers_of(event, source, cause)
        milliseconds = None if at is None else round(at * 1000)
        return cls(topic, event.key.encode(), event.value.encode(), headers, timestamp_ms=milliseconds)

    def named(self, id: str) -> "Outgoing":
        """This record with that `ce_id`: what may be published more than once has the same each time."""
        headers = [(name, id.encode() if name == "ce_id" else value) for name, value in self.headers]
        return replace(self, headers=headers)


class Producer:
    """Publishes for one process; safe to share between threads.

    The client below is made at the first use (never before a fork) and made anew after a failure: an idempotent
    kafka-python producer that lost its id does not heal (UnknownProducerId).
    """

    def __init__(self, settings: KafkaSettings, timeout: float = 10.0):
        """`timeout`: seconds within which the broker must have acknowledged a record."""
        self._settings = settings
        self._timeout = timeout
        self._lock = threading.Lock()
        self._client: KafkaProducer | None = None

    def send(self, outgoing: Outgoing) -> Any:
        """Hand one record to the client; returns its future. Raises KafkaError where not even that works."""
        return self._send(self._connected(), outgoing)

    def publish(self, records: Iterable[Outgoing]) -> list[Place]:
        """Publish, wait for the broker's word for all, and return where they stand.

        Raises NotPublished, or the error of a record too large.
        """
        deadline = time.monotonic() + self._timeout
        client = None
        try:
            client = self._connected()
            sent = [(record.topic, self._send(client, record)) for record in records]
            places = []
            for topic, future in sent:
                acknowledged = future.get(timeout=max(0.0, deadline - time.monotonic()))
                places.append(Place(topic, acknowledged.partition, acknowledged.offset))
            return places
        except TOO_LARGE:
            raise
        except KafkaError as error:
            self._drop(client)
            raise NotPublished(f"{type(error).__name__} from {self._settings.kafka_bootstrap_servers}") from error

    def close(self, timeout: float = 3.0) -> None:
        """Send what is buffered, for at most `timeout` seconds; what is not sent by then is lost."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            _end(client, timeout)

    def _send(self, client: KafkaProducer, outgoing: Outgoing) -> Any:
        """The future of one record; whether now or then, with its failure the client is dropped."""

        def failed(error: Exception) -> None:
            if not isinstance(error, TOO_LARGE):
                self._drop(client)

        try:
            future = client.send(
                self._settings.topic(outgoing.topic),
                key=outgoing.key,
                value=outgoing.value,
                headers=outgoing.headers,
                partition=outgoing.partition,
                timestamp_ms=outgoing.timestamp_ms,
            )
        except (KafkaError, AssertionError) as error:
            failed(error)
            raise
        future.add_errback(failed)
        return future

    def _drop(self, failed: KafkaProducer | None) -> None:
        """Let go of the client that failed, unless another has: the next send makes one."""
        with self._lock:
            if self._client is not failed:
                return
            self._client = None
        if failed is not None:
            log.warning("producer is made anew")
            _end(failed, timeout=0)

    def _connected(self) -> KafkaProducer:
        with self._lock:
            if self._client is None:
                milliseconds = int(self._timeout * 1000)
                self._client = KafkaProducer(
                    **self._settings.connection(),
                    acks="all",
                    enable_idempotence=True,
                    allow_auto_create_topics=False,
                    bootstrap_timeout_ms=min(5_000, milliseconds),
                    max_block_ms=min(3_000, milliseconds),
                    request_timeout_ms=max(1_000, milliseconds - 1_000),
                    delivery_timeout_ms=max(1_500, milliseconds - 500),
                    max_request_size=MAX_DEAD_LETTER_BYTES,
                    compression_type=None,
                )
            return self._client


def _end(client: KafkaProducer, timeout: float) -> None:
    try:
        client.close(timeout=timeout)
    except KafkaError:  # closing begins with a flush, which raises where records are still in flight
        client._sender.force_close()
