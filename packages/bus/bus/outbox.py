"""Publishes the answers of deliveries, and hears when the broker has acknowledged them all."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from kafka.errors import KafkaError
from service.log import get_logger

from .lane import Delivery
from .metrics import Metrics
from .ports import Sender
from .producer import TOO_LARGE, Outgoing
from .tracing import Tracing

log = get_logger(__name__)

HOLD_SECONDS = 0.2
"""How long answers wait for others while handlers have all they can do: a request takes as much CPU as a small job."""
MAX_HELD = 32
"""How many answers wait for others."""
RETRY_SECONDS = 0.5
"""Pause before answers are published again, and without another try to publish after the client could not take a
record: each may hold up the loop."""


class _Publication:
    """One attempt to publish all answers of a delivery that the broker does not have yet."""

    __slots__ = ("began_ns", "delivery", "error", "failed", "waiting")

    def __init__(self, delivery: Delivery):
        self.delivery = delivery
        self.began_ns = 0
        """When it was handed to the producer (time.time_ns), where spans are made."""
        self.waiting = len(delivery.outgoing)
        """How many acknowledgements are still to come."""
        self.failed: Outgoing | None = None
        self.error: Exception | None = None

    def fail(self, record: Outgoing, error: Exception) -> None:
        """Note why a record was not taken; that one is too large says more than any other reason."""
        if self.error is None or (isinstance(error, TOO_LARGE) and not isinstance(self.error, TOO_LARGE)):
            self.failed, self.error = record, error


class TooLarge(NamedTuple):
    """The broker does not take `record`, one of the answers: a smaller one has to go out in place of it."""

    delivery: Delivery
    record: Outgoing
    error: str


class Outbox:
    """Belongs to the loop; only acknowledgements come from another thread."""

    def __init__(self, producer: Sender, notify: Callable[[], None], metrics: Metrics, tracing: Tracing | None = None):
        """`notify` is called, from any thread, when there is something to `settle`."""
        self._producer = producer
        self._notify = notify
        self._metrics = metrics
        self._tracing = tracing
        self._told: deque[tuple[_Publication, Outgoing, Any]] = deque()
        self._notified = False
        self._retries: deque[tuple[float, Delivery]] = deque()
        self._held: list[Delivery] = []
        self._held_since = 0.0
        self._away_until = 0.0
        self._last_error = ""
        self._under_way = 0

    def publish(self, delivery: Delivery, outgoing: list[Outgoing]) -> None:
        """Have the answers of a delivery published, which is finished when the broker has all of them."""
        delivery.publish(outgoing)
        if outgoing:
            self._held.append(delivery)
            self._held_since = self._held_since or time.monotonic()
        else:
            delivery.finish()

    def send(self, busy: bool, now: float) -> None:
        """Hand what is to be published to the producer; while handlers are `busy`, a few answers wait for others."""
        held = len(self._held)
        if held and (not busy or held >= MAX_HELD or now >= self._held_since + HOLD_SECONDS):
            deliveries, self._held, self._held_since = self._held, [], 0.0
            for delivery in deliveries:
                if delivery.lane.live:
                    self._send(delivery)

    def settle(self) -> list[TooLarge]:
        """Hear the acknowledgements. Returns the deliveries with an answer that no try will bring to the broker."""
        self._notified = False
        too_large: list[TooLarge] = []
        while self._told:
            publication, record, answer = self._told.popleft()
            publication.waiting -= 1
            if isinstance(answer, Exception):
                publication.fail(record, answer)
            else:
                publication.delivery.acknowledged(record)
                if self._tracing:
                    self._tracing.answered(publication.delivery, record, answer, publication.began_ns)
            if publication.waiting:
                continue
            self._under_way -= 1
            delivery, error = publication.delivery, publication.error
            if error is None:
                self._last_error = ""
                delivery.finish()
                continue
            self._metrics.not_published[type(error).__name__] += 1
            if publication.failed and isinstance(error, TOO_LARGE):
                too_large.append(TooLarge(delivery, publication.failed, type(error).__name__))
            else:
                self._retry(delivery, error)
        return too_large

    def publish_again(self, now: float) -> None:
        """Publish what could not be published before and is due."""
        while self._retries and self._retries[0][0] <= now:
            _due, delivery = self._retries.popleft()
            if delivery.lane.live:
                self._send(delivery)

    def publish_later(self, delivery: Delivery) -> None:
        """Publish the same answers again, after a pause."""
        self._retries.append((time.monotonic() + RETRY_SECONDS, delivery))

    def next_due(self) -> float:
        """When something is to be published at the latest (time.monotonic); infinity where nothing is."""
        return min(
            self._retries[0][0] if self._retries else float("inf"),
            self._held_since + HOLD_SECONDS if self._held else float("inf"),
        )

    @property
    def pending(self) -> int:
        """Deliveries that are on their way to the broker: those of a broker that is away do not count."""
        return len(self._held) + self._under_way

    def _send(self, delivery: Delivery) -> None:
        now = time.monotonic()
        if now < self._away_until:
            self._retries.append((now + RETRY_SECONDS, delivery))
            return
        publication = _Publication(delivery)
        if self._tracing:
            publication.began_ns = time.time_ns()
        self._under_way += 1
        for number, record in enumerate(delivery.outgoing, 1):
            try:
                future = self._producer.send(record)
            except KafkaError as error:
                if not isinstance(error, TOO_LARGE):
                    self._away_until = time.monotonic() + RETRY_SECONDS
                publication.waiting = number  # the others are not sent
                self._hear(publication, record, error)
                return
            future.add_both(self._hear, publication, record)

    def _hear(self, publication: _Publication, record: Outgoing, answer: Any) -> None:
        """From any thread: what became of one record, its position or an error."""
        self._told.append((publication, record, answer))
        if not self._notified:  # one call is enough for all that comes before the loop looks
            self._notified = True
            self._notify()

    def _retry(self, delivery: Delivery, error: Exception) -> None:
        if str(error) != self._last_error:  # once, not for each record that waits
            self._last_error = str(error)
            log.warning("answers are not published, trying again", topic=delivery.record.topic, error=str(error))
        self._retries.append((time.monotonic() + RETRY_SECONDS, delivery))
