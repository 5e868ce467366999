"""A mirror shows a process what happens on topics, without a group: every replica sees every record."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from events import Cause
from kafka import TopicPartition
from kafka.errors import KafkaError
from service import EXIT_CONFIG
from service.log import get_logger

from .kafka_fixes import UnreadableRecord
from .ports import Cluster, Reader
from .producer import Position

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
        cluster: Cluster,
        topics: Iterable[str],
        heard: Callable[[str, Any], None],
        from_start: bool = False,
        end: Callable[[int], object] = os._exit,
    ):
        self._cluster = cluster
        self._topics = {cluster.settings.topic(name): name for name in topics}
        self._heard = heard
        self._end = end
        self._from_start = from_start
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

    def passed(self, places: Iterable[Position], seconds: float) -> bool:
        """Wait until the records at `places` have been heard, at most so long; returns whether they have.

        A transaction that is open before them holds them back (Kafka gives up one that was left open after 15 minutes).
        """
        ends = {
            TopicPartition(self._cluster.settings.topic(one.topic), one.partition): one.offset + 1 for one in places
        }
        return self._reached(ends, seconds)

    def catch_up(self, seconds: float) -> bool:
        """Wait until all that can be read of the topics now has been heard, at most so long; returns whether it has.

        That is what is below their last stable offsets.
        """
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
        """Where the partitions end now. Raises InterruptedError when the time is over."""

        def late() -> bool:
            return self._stopping.is_set() or time.monotonic() > deadline

        return self._cluster.readable_ends(dict(self._next), late)

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
        connected = self._cluster.reader(self._topics.values(), self._next, self._from_start, self._stopping.is_set)
        with closing(connected) as reader:
            while not self._stopping.is_set() and not reader.login_refused():  # else connect anew, which tells more
                try:
                    batches = reader.poll(LONGEST_POLL_MS)
                except KafkaError as error:
                    log.warning("poll failed, trying again", error=str(error))
                    self._stopping.wait(0.5)
                    continue
                for partition, records in batches.items():
                    for record in records:
                        self._tell(self._topics[partition.topic], record)
                self._note(reader)
                reader.look_for_partitions()

    def _note(self, reader: Reader) -> None:
        """Tell those who wait how far it has come."""
        ends, reached = reader.ends(), reader.positions()
        with self._moved:
            self._next |= reached
            self._moved.notify_all()
        if ends and all(end is not None and self._next.get(one, -1) >= end for one, end in ends.items()):
            self.caught_up.set()

    def _tell(self, topic: str, record: Any) -> None:
        if isinstance(record.value, UnreadableRecord):
            log.warning("passed over", topic=topic, partition=record.partition, reason=record.value.reason)
            return
        try:
            self._heard(topic, record)
        except Exception:
            cause = Cause.of(topic, record.partition, record.offset, record.headers)
            log.exception(
                "a record was not understood",
                topic=topic,
                partition=record.partition,
                offset=record.offset,
                about=cause,
            )
