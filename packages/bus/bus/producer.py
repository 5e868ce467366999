"""The producer: an event counts as published when the broker has said so."""

import threading
import time
from collections.abc import Iterable
from functools import cache, partial
from typing import Any, NamedTuple

from events.event import Cause, Encoded, Headers, headers_of
from kafka import KafkaProducer
from kafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError
from service.log import get_logger

from .clients import create_client
from .errors import RetryableError
from .kafka_fixes import TOO_LARGE, MissingPartition, await_metadata, breaks_producer, close_producer
from .settings import KafkaSettings
from .topics import MAX_DEAD_LETTER_BYTES

__all__ = ["TOO_LARGE", "NotPublished", "Outgoing", "Position", "Producer"]

log = get_logger(__name__)

BOOTSTRAP_TIMEOUT_SECONDS = 5.0
METADATA_TIMEOUT_SECONDS = 3.0
BATCH_BYTES = 256 * 1024
"""Bytes of records of one partition that go out in one request."""


class NotPublished(RetryableError):
    """The broker did not acknowledge in time. It may still have the record: publish again, ids tell the doubles."""


class Position(NamedTuple):
    """Where a record stands; `topic` is the suite's own name."""

    topic: str
    partition: int
    offset: int


class Outgoing(NamedTuple):
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
        return self._replace(headers=headers)


class Producer:
    """Publishes for one process; safe to share between threads.

    The client below is created at the first use (never before a fork) and replaced after a failure
    (kafka_fixes/producer_failure.py). One thread at a time creates it; the others wait, each until its own deadline.
    """

    def __init__(self, settings: KafkaSettings, timeout: float = 10.0, linger_ms: int = 0):
        """`timeout`: seconds within which the broker must have acknowledged a record; `linger_ms`: how long a record
        may wait for others, to go out together."""
        self._settings = settings
        self._topic = cache(settings.topic)
        self._linger_ms = linger_ms
        self._timeout = timeout
        self._changed = threading.Condition()
        self._client: KafkaProducer | None = None
        self._creating = False
        self._closed = False

    def send(self, outgoing: Outgoing) -> Any:
        """Hand one record to the client; returns its future. Raises KafkaError where not even that works."""
        deadline = time.monotonic() + self._timeout
        return self._send(self._connected(deadline), outgoing, deadline)

    def publish(self, records: Iterable[Outgoing]) -> list[Position]:
        """Publish, wait for the broker's word for all, and return where they stand.

        Raises NotPublished, or the error of a record too large.
        """
        deadline = time.monotonic() + self._timeout
        client = None
        try:
            client = self._connected(deadline)
            sent = [(record.topic, self._send(client, record, deadline)) for record in records]
            places = []
            for topic, future in sent:
                acknowledged = future.get(timeout=max(0.0, deadline - time.monotonic()))
                places.append(Position(topic, acknowledged.partition, acknowledged.offset))
            return places
        except TOO_LARGE:
            raise
        except KafkaError as error:
            if breaks_producer(error):
                self._drop(client)
            raise NotPublished(f"{type(error).__name__} from {self._settings.kafka_bootstrap_servers}") from error

    def close(self, timeout: float = 3.0) -> None:
        """Send what is buffered, for at most `timeout` seconds; what is not sent by then is lost. Final."""
        with self._changed:
            self._closed = True
            client, self._client = self._client, None
            self._changed.notify_all()
        if client is not None:
            close_producer(client, timeout)

    def _send(self, client: KafkaProducer, outgoing: Outgoing, deadline: float) -> Any:
        """The future of one record; whether now or then, with its failure the client is dropped."""
        failed = partial(self._failed, client)
        topic = self._topic(outgoing.topic)
        try:
            await_metadata(client, topic, outgoing.partition, deadline - time.monotonic(), METADATA_TIMEOUT_SECONDS)
            future = client.send(
                topic,
                key=outgoing.key,
                value=outgoing.value,
                headers=outgoing.headers,
                partition=outgoing.partition,
                timestamp_ms=outgoing.timestamp_ms,
            )
        except KafkaError as error:
            failed(error)
            raise
        except AssertionError as error:  # the library's own, of a client that is being closed
            failed(error)
            raise KafkaError(str(error)) from error
        except ValueError as error:
            if outgoing.partition is None:
                raise
            raise MissingPartition(str(error)) from error  # metadata has changed in between
        future.add_errback(failed)
        return future

    def _failed(self, client: KafkaProducer, error: Exception) -> None:
        if breaks_producer(error):
            self._drop(client)

    def _drop(self, failed: KafkaProducer | None) -> None:
        """Let go of the client that failed, unless another has: the next send creates one."""
        with self._changed:
            if self._client is not failed:
                return
            self._client = None
        if failed is not None:
            log.warning("the producer is replaced")
            close_producer(failed, timeout=0)

    def _connected(self, deadline: float) -> KafkaProducer:
        """The client. Raises KafkaTimeoutError where there is none by then."""
        if (client := self._client) is not None:
            return client
        with self._changed:
            self._changed.wait_for(
                lambda: self._client is not None or self._closed or not self._creating,
                max(0.0, deadline - time.monotonic()),
            )
            if self._client is not None:
                return self._client
            if self._closed:
                raise IllegalStateError("the producer is closed")
            if self._creating or time.monotonic() >= deadline:
                raise KafkaTimeoutError("no broker answers")
            self._creating = True
        client = None
        try:
            client = self._create(deadline - time.monotonic())
        finally:
            with self._changed:
                self._creating, closed = False, self._closed
                if not closed:
                    self._client = client
                self._changed.notify_all()
        if closed:
            close_producer(client, timeout=0)
            raise IllegalStateError("the producer is closed")
        return client

    def _create(self, seconds: float) -> KafkaProducer:
        milliseconds = int(self._timeout * 1000)
        return create_client(
            KafkaProducer,
            **self._settings.connection(),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=max(1, int(min(BOOTSTRAP_TIMEOUT_SECONDS, seconds) * 1000)),
            max_block_ms=min(METADATA_TIMEOUT_SECONDS * 1000, milliseconds),
            request_timeout_ms=max(1_000, milliseconds - 1_000),
            delivery_timeout_ms=max(1_500, milliseconds - 500),
            max_request_size=MAX_DEAD_LETTER_BYTES,
            compression_type=None,
            linger_ms=self._linger_ms,
            batch_size=BATCH_BYTES,
            metrics_enabled=False,  # nobody reads them, and each request pays for them
        )
