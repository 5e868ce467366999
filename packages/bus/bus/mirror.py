"""A mirror shows a process what happens on topics, without a group: every replica sees every record."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from .clients import connect_admin, connect_consumer, watched
from .log import get_logger
from .producer import Place
from .settings import EXIT_CONFIG, KafkaSettings
from .topics import ensure
from .unreadable import Unreadable

log = get_logger(__name__)

LONGEST_POLL_MS = 500


class Mirror:
    """Calls `heard(topic, record)` in a thread of its own for each record; `topic` is the suite's name.

    Those from now on, or with `from_start` all that the topics still have. Order is kept within a partition. After an
    outage it goes on where it was. What `heard` raises is logged, no more, and so is a record that cannot be read.
    Where the broker refuses the login, at start or later, `end` is called with status 78: it has to end the process,
    which SystemExit in a thread does not.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Iterable[str],
        heard: Callable[[str, Any], None],
        from_start: bool = False,
        end: Callable[[int], object] = os._exit,
    ):
        self._settings = settings
        self._topics = {settings.topic(name): name for name in topics}
        self._heard = heard
        self._end = end
        self._reset = "earliest" if from_start else "latest"
        self._stopping = threading.Event()
        self._next: dict[TopicPartition, int] = {}
        """The offset that will be heard next, of each partition that has been looked at."""
        self._moved = threading.Condition()
        self._looking = threading.Lock()
        self._looked: tuple[float, dict[TopicPartition, int]] = (float("-inf"), {})
        self.caught_up = threading.Event()
        """Set when all that was there at the start has been heard, and every record from now on will be."""

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="mirror").start()

    def stop(self) -> None:
        self._stopping.set()

    def passed(self, places: Iterable[Place], seconds: float) -> bool:
        """Wait until the records at `places` have been heard, at most so long; returns whether they have."""
        ends = {TopicPartition(self._settings.topic(one.topic), one.partition): one.offset + 1 for one in places}
        return self._reached(ends, seconds)

    def catch_up(self, seconds: float) -> bool:
        """Wait until all that the topics hold now has been heard, at most so long; returns whether it has."""
        came = time.monotonic()
        if not self.caught_up.wait(seconds):
            return False
        with self._looking:
            at, ends = self._looked
            if at < came:  # else another has looked since, while this one waited for its turn
                at = time.monotonic()
                try:
                    ends = self._ends(came + seconds)
                except (InterruptedError, KafkaError):
                    return False
                except SystemExit:
                    self._end(EXIT_CONFIG)
                    return False
                self._looked = at, ends
        return self._reached(ends, came + seconds - time.monotonic())

    def _reached(self, ends: dict[TopicPartition, int], seconds: float) -> bool:
        with self._moved:
            return self._moved.wait_for(
                lambda: all(self._next.get(partition, 0) >= end for partition, end in ends.items()), max(0.0, seconds)
            )

    def _ends(self, deadline: float) -> dict[TopicPartition, int]:
        """Where the partitions end now, as a fetch tells it: Tansu's list of end offsets may be behind.

        Raises InterruptedError when the time is over.
        """

        def late() -> bool:
            return self._stopping.is_set() or time.monotonic() > deadline

        with connect_consumer(self._settings, late, fetch_max_wait_ms=1, max_poll_records=1) as consumer:
            here = dict(self._next)
            consumer.assign(here)
            for partition, offset in here.items():
                consumer.seek(partition, offset)
            ends: dict[TopicPartition, int] = {}
            while len(ends) < len(here):
                if late():
                    raise InterruptedError
                consumer.poll(timeout_ms=50)
                ends = {one: end for one in here if (end := consumer.highwater(one)) is not None}
            return ends

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen()
            except InterruptedError:
                return
            except SystemExit:
                self._end(EXIT_CONFIG)
                return
            except Exception:
                log.exception("the mirror failed and is made anew")
                self._stopping.wait(1)

    def _listen(self) -> None:
        with connect_admin(self._settings, self._stopping.is_set) as admin:
            ensure(admin, self._settings, self._topics.values())
        connected = connect_consumer(self._settings, self._stopping.is_set, auto_offset_reset=self._reset)
        with connected as consumer, watched() as logins:
            self._assign(consumer)
            while not self._stopping.is_set() and not logins.refused:  # of that poll tells nothing: connect anew
                try:
                    batches = consumer.poll(timeout_ms=LONGEST_POLL_MS)
                except KafkaError as error:
                    log.warning("poll failed, trying again", error=str(error))
                    self._stopping.wait(0.5)
                    continue
                for partition, records in batches.items():
                    for record in records:
                        self._tell(self._topics[partition.topic], record)
                self._note(consumer)
                self._assign(consumer)

    def _assign(self, consumer: KafkaConsumer) -> None:
        """Read all partitions there are, those too that a topic has been given since."""
        there = {
            TopicPartition(topic, number)
            for topic in self._topics
            for number in consumer.partitions_for_topic(topic) or ()
        }
        new = there - consumer.assignment()
        if not new:
            return
        consumer.assign(there)
        for partition in new & self._next.keys():
            consumer.seek(partition, self._next[partition])
        if self._reset == "latest" and not self.caught_up.is_set():
            for partition in new - self._next.keys():
                consumer.position(partition, timeout_ms=5_000)  # what comes while the first fetch is on its way counts

    def _note(self, consumer: KafkaConsumer) -> None:
        """Tell those who wait how far it has come."""
        ends = {one: consumer.highwater(one) for one in consumer.assignment()}
        reached = {one: consumer.position(one, timeout_ms=1_000) for one, end in ends.items() if end is not None}
        with self._moved:
            self._next |= {one: offset for one, offset in reached.items() if offset is not None}
            self._moved.notify_all()
        if ends and all(end is not None and self._next.get(one, -1) >= end for one, end in ends.items()):
            self.caught_up.set()

    def _tell(self, topic: str, record: Any) -> None:
        if isinstance(record.value, Unreadable):
            log.warning("passed over", topic=topic, partition=record.partition, reason=record.value.reason)
            return
        try:
            self._heard(topic, record)
        except Exception:
            log.exception("a record was not understood", topic=topic, partition=record.partition, offset=record.offset)
