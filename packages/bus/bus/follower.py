"""A follower hears what happens on all topics of a cluster, those that appear later too, without a group."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from service import EXIT_CONFIG
from service.log import get_logger

from .clients import connect_consumer
from .kafka_fixes import has_fetch_sessions, readable_end, watch_logins
from .names import Names
from .settings import KafkaSettings

log = get_logger(__name__)

LONGEST_FETCH_WAIT_MS = 500
"""A fetch that waits for longer would keep new partitions waiting, too."""
MAX_POLL_RECORDS = 2_000
LOOK_SECONDS = 2.0
"""Time between two looks for new topics and partitions."""
PAUSE_SECONDS, LONG_PAUSE_SECONDS = 0.14, 1.0
"""Time between two polls: what comes meanwhile comes as one batch. The second, where nobody waits for it."""

QUIET_EVERY_SECONDS = 1.0
"""Time between two polls of partitions that are quiet."""
QUIET_AFTER_SECONDS = 10.0


class Follower:
    """Calls `heard(records)` in a thread of its own; topics have the names that they have on the cluster.

    It begins with the last `most_records` of all topics together, and after an outage goes on where it was. Each batch
    is in the order of time. What `heard` raises is logged, no more. Where the broker refuses the login, `end` is called
    with status 78.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - where it reads, and who hears of it
        self,
        settings: KafkaSettings,
        names: Names,
        heard: Callable[[list[Any]], None],
        most_records: int,
        is_urgent: Callable[[], bool],
        end: Callable[[int], object] = os._exit,
        is_quiet: Callable[[str], bool] = lambda _topic: False,
    ):
        """`is_urgent`: whether someone waits for records; `is_quiet`: whether a topic seldom has new ones."""
        self._settings = settings
        self._names = names
        self._heard = heard
        self._most_records = most_records
        self._is_urgent = is_urgent
        self._end = end
        self._is_quiet = is_quiet
        self._all_at = 0.0
        self._written_at: dict[TopicPartition, float] = {}
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._look_at = 0.0
        self._next: dict[TopicPartition, int] = {}
        self.ends: Mapping[TopicPartition, int] = {}
        """Where each partition ends, as the last fetch told it."""
        self.began: Mapping[TopicPartition, int] = {}
        """The offset from which each partition was heard."""
        self.caught_up = threading.Event()
        """Set when what was there at the start has been heard."""

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="follower").start()

    def stop(self) -> None:
        self._stopping.set()
        self._hurry.set()

    def hurry(self) -> None:
        """Someone waits from now on: end the pause."""
        self._hurry.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except InterruptedError:
                return
            except SystemExit:
                self._end(EXIT_CONFIG)
                return
            except Exception:
                log.exception("the follower failed and is made anew")
                self._stopping.wait(1)

    def _follow(self) -> None:
        wait_ms = min(self._settings.kafka_fetch_max_wait_ms, LONGEST_FETCH_WAIT_MS)
        connected = connect_consumer(
            self._settings, self._stopping.is_set, fetch_max_wait_ms=wait_ms, max_poll_records=MAX_POLL_RECORDS
        )
        with closing(connected) as consumer, watch_logins() as logins:
            self._look_at = 0.0
            while not self._stopping.is_set() and not logins.refused:  # else connect anew, which tells more
                try:
                    if time.monotonic() >= self._look_at:
                        self._look_for_partitions(consumer)
                        self._look_at = time.monotonic() + LOOK_SECONDS
                    self._leave_out_quiet(consumer)
                    batches = consumer.poll(timeout_ms=wait_ms)
                    self._tell(record for batch in batches.values() for record in batch)
                    self._note(consumer)
                except KafkaError as error:
                    log.warning("poll failed, trying again", error=str(error))
                    self._stopping.wait(0.5)
                    continue
                self._rest()

    def _rest(self) -> None:
        """Each poll costs a request that names all partitions: a broker that answers idle ones soon must not spin."""
        if self.caught_up.is_set():
            self._hurry.wait(PAUSE_SECONDS if self._is_urgent() else LONG_PAUSE_SECONDS)
            self._hurry.clear()

    def _leave_out_quiet(self, consumer: Any) -> None:
        """Have the next poll ask for quiet partitions only now and then, where each costs as much as others."""
        now = time.monotonic()
        if now >= self._all_at:
            consumer.resume(*consumer.paused())
            self._all_at = now + QUIET_EVERY_SECONDS
        elif not consumer.paused() and self.caught_up.is_set() and not has_fetch_sessions(consumer):
            lately = {one for one, at in self._written_at.items() if now - at < QUIET_AFTER_SECONDS}
            consumer.pause(*(one for one in consumer.assignment() - lately if self._is_quiet(one.topic)))

    def _look_for_partitions(self, consumer: Any) -> None:
        """Follow what topics and partitions there are. Raises KafkaError."""
        there = {
            TopicPartition(topic, number)
            for topic in consumer.topics()
            if self._names.is_ours(topic)
            for number in consumer.partitions_for_topic(topic) or ()
        }
        assigned = consumer.assignment()
        if there == assigned:
            return
        new = there - assigned
        fresh = list(new - self._next.keys())
        starts = begins_of(consumer.beginning_offsets(fresh), consumer.end_offsets(fresh), self._most_records)
        consumer.assign(list(there))
        for partition in new:
            consumer.seek(partition, self._next.get(partition, starts.get(partition, 0)))
        self.began = {**self.began, **starts}
        self._next = {partition: offset for partition, offset in (self._next | starts).items() if partition in there}

    def _tell(self, records: Iterable[Any]) -> None:
        batch = sorted(records, key=lambda record: record.timestamp)
        if not batch:
            return
        for record in batch:
            partition = TopicPartition(record.topic, record.partition)
            self._next[partition] = max(self._next.get(partition, 0), record.offset + 1)
            self._written_at[partition] = time.monotonic()
        try:
            self._heard(batch)
        except Exception:
            log.exception("a batch was not understood", topic=batch[0].topic)

    def _note(self, consumer: Any) -> None:
        ends = {one: end for one in consumer.assignment() if (end := readable_end(consumer, one)) is not None}
        self.ends = ends
        if not self.caught_up.is_set() and ends.keys() >= self._next.keys():
            positions = {one: consumer.position(one, timeout_ms=1_000) for one in ends}
            if all((positions[one] or 0) >= end for one, end in ends.items()):
                self.caught_up.set()


def begins_of(
    begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], most_records: int
) -> dict[TopicPartition, int]:
    """Where to begin in each partition, for the newest `most_records` of all of them: those with more give up more."""
    held = {partition: max(0, ends[partition] - begin) for partition, begin in begins.items()}
    left, each = most_records, most_records
    for number, size in enumerate(sorted(held.values())):
        each = left // (len(held) - number)
        if size > each:
            break
        left -= size
    else:
        each = most_records
    return {partition: begin + max(0, held[partition] - each) for partition, begin in begins.items()}
