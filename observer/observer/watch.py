"""Asks the cluster, again and again, what topics and groups there are and how far each group has read."""

import threading
import time
from collections.abc import Callable
from typing import Any

from bus import KafkaSettings
from bus.browser import Browser, Wanted
from bus.inspection import Inspection
from bus.names import Names
from events.catalogue import consumers
from service.log import get_logger

from .cluster_state import ClusterState
from .ring import Ring

log = get_logger(__name__)

POLL_SECONDS, IDLE_SECONDS = 0.5, 5.0
"""Time between two looks at committed offsets; the second, where no page is open."""
GROUPS_EVERY_SECONDS = 2.0
"""Time between two looks at who is in which group, which costs more."""
BEGINS_EVERY_SECONDS = 30.0
TIMEOUT_SECONDS = 3.0
MAX_GROUPS = 200
MAX_LOOKED_UP = 20
"""Records that are read in one turn, to know since when they wait."""
MAX_LOOKED_UP_BYTES = 2 * 1024 * 1024


class Watch:
    """Keeps `state` true, in a thread of its own."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it looks at and whom it tells
        self,
        settings: KafkaSettings,
        names: Names,
        state: ClusterState,
        ring: Ring,
        browser: Browser,
        is_urgent: Callable[[], bool],
        moved: Callable[[list[dict[str, Any]]], None],
    ):
        """`is_urgent`: whether someone looks; `moved`: is told which committed offsets have moved."""
        self._settings = settings
        self._names = names
        self._state = state
        self._ring = ring
        self._browser = browser
        self._is_urgent = is_urgent
        self._moved = moved
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._groups: list[str] = []
        self._groups_at = self._begins_at = float("-inf")
        self._topics: dict[str, int] = {}
        self._begins: dict[tuple[str, int], int] = {}
        self._written: dict[tuple[str, int, int], int] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="watch").start()

    def stop(self) -> None:
        self._stopping.set()
        self._hurry.set()

    def hurry(self) -> None:
        """Someone looks from now on: look at once."""
        self._hurry.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with Inspection(self._settings, TIMEOUT_SECONDS) as inspection:
                    while not self._stopping.is_set():
                        self._look(inspection)
                        self._state.broker_is(up=True)
                        self._hurry.wait(POLL_SECONDS if self._is_urgent() else IDLE_SECONDS)
                        self._hurry.clear()
            except ConnectionError as error:
                log.warning("the broker does not answer", error=str(error))
                self._state.broker_is(up=False)
                self._stopping.wait(1)
            except Exception:
                log.exception("the look at the cluster failed and is made anew")
                self._state.broker_is(up=False)
                self._stopping.wait(1)

    def _look(self, inspection: Inspection) -> None:
        now = time.monotonic()
        if now - self._groups_at >= GROUPS_EVERY_SECONDS:
            self._look_at_topics(inspection, now)
            self._look_at_groups(inspection)
            self._groups_at = now
        committed = {
            self._names.group(group): {
                (self._names.topic(one.topic), one.partition): offset
                for one, offset in positions.items()
                if self._names.is_ours(one.topic)  # another's without our prefix may have a name of ours
            }
            for group, positions in inspection.committed(self._groups).items()
        }
        moved = self._state.committed_are({group: committed[group] for group in self._shown(committed)})
        if moved:
            self._moved(moved)
        self._look_since_when()

    def _look_at_topics(self, inspection: Inspection, now: float) -> None:
        topics = {called: count for called, count in inspection.topics().items() if self._names.is_ours(called)}
        if topics != self._topics or now - self._begins_at >= BEGINS_EVERY_SECONDS:
            begins = inspection.begins(topics)
            self._begins = {(self._names.topic(one.topic), one.partition): at for one, at in begins.items()}
            self._begins_at, self._topics = now, topics
        self._state.topics_are({self._names.topic(called): count for called, count in topics.items()}, self._begins)

    def _look_at_groups(self, inspection: Inspection) -> None:
        ours = [self._settings.group(service) for service in sorted(consumers())]
        # Where groups have a prefix, one without it may have the name of a service: it is another suite's.
        known = {*ours, *consumers()}
        others = [name for name in inspection.group_names() if name not in known and not self._names.is_anothers(name)]
        self._groups = [*ours, *others][:MAX_GROUPS]
        self._described = inspection.groups(self._groups)

    def _shown(self, committed: dict[str, Any]) -> set[str]:
        """Of all groups those that are the suite's, or have to do with its topics; tells the state of them."""
        called, topics = {self._names.group(group): group for group in self._groups}, self._state.topics()
        shown = {
            name
            for name, positions in committed.items()
            if self._names.may_be_ours(called[name]) or any(topic in topics for topic, _partition in positions)
        }
        self._state.groups_are({name: self._described.get(called[name]) for name in shown})
        return shown

    def _look_since_when(self) -> None:
        """Learn when the records were written that groups wait for: from the ring, or else from the broker, once."""
        waiting = self._state.waiting()
        self._written = {place: at for place, at in self._written.items() if place in waiting}
        unknown = waiting - self._written.keys()
        self._written |= self._ring.times(unknown)
        left = sorted(unknown - self._written.keys())[:MAX_LOOKED_UP]
        wanted = {(self._names.called(topic), number): Wanted(offset, 1) for topic, number, offset in left}
        for record in self._browser.read(wanted, MAX_LOOKED_UP_BYTES) if wanted else ():
            place = (self._names.topic(record.topic), record.partition)
            for topic, number, offset in left:
                if (topic, number) == place and record.offset >= offset:  # of what is compacted, the next one
                    self._written[topic, number, offset] = record.timestamp
        self._state.written_at(self._written)
