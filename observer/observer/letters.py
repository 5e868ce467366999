"""The dead letters of the cluster, as pages ask for them, and how many of them wait."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Literal

from bus.dead_letters import DeadLetter, DeadLetters, LetterId, Listing, Result, Wanted, Whole
from bus.names import Names
from bus.ports import Cluster
from service.log import get_logger

from .cluster_state import ClusterState

log = get_logger(__name__)

COUNT_EVERY_SECONDS = 2.0
FRESH_SECONDS = 2.0
"""How old a list may be that another page is given, too."""
TURN_WITHIN_SECONDS = 20.0
"""How long a page waits for what another page has begun."""
MAX_LISTED_BYTES = 16 * 1024 * 1024
"""What a list reads at most of dead letters, and as much of replays."""

Action = Literal["replay", "drop"]


class Busy(Exception):
    """Another page replays or drops, and has not come to an end."""


class Letters:
    """One list at a time, and one replay or drop at a time, for all pages. Thread-safe.

    So a second replay of the same dead letter begins when the first is in the log, and does nothing. Every call raises
    ConnectionError where the cluster does not answer.
    """

    def __init__(self, cluster: Cluster, services: Callable[[], list[str]]):
        """`services`: those whose dead letters are listed where none is named."""
        self.settings = cluster.settings
        self.names = Names(cluster.settings)
        self.services = services
        self._letters = DeadLetters(cluster)
        self._listing = threading.Lock()
        self._acting = threading.Lock()
        self._listed: tuple[float, Wanted, Listing] | None = None
        self._stopping = threading.Event()

    def newest(self, wanted: Wanted) -> Listing:
        """The newest of those that are wanted."""
        with self._listing:
            if self._listed and self._listed[1] == wanted and time.monotonic() - self._listed[0] < FRESH_SECONDS:
                return self._listed[2]
            listing = self._letters.list(wanted, max_bytes=MAX_LISTED_BYTES)
            self._listed = (time.monotonic(), wanted, listing)
            return listing

    def show(self, id: LetterId) -> Whole | None:
        return self._letters.show(id)

    def history(self, letter: DeadLetter) -> list[DeadLetter]:
        """All that the same record has become, oldest first: `letter`, and what its replays have failed to."""

        def original(one: DeadLetter) -> tuple[object, ...]:
            return one.topic, one.partition, one.offset, one.group

        if letter.replay_of is None and letter.state != "failed-again":
            return [letter]
        listed = self.newest(Wanted(services=(letter.id.service,))).letters
        others = [one for one in listed if original(one) == original(letter) and one.id != letter.id]
        return sorted([letter, *others], key=lambda one: (one.at_ms, one.id))

    def handle(self, action: Action, wanted: Wanted) -> Iterator[Result]:
        """Replay or drop; what is told is done. Raises Busy where others are at it for too long.

        May be left at any time, and ends by itself after `stop`.
        """
        if not self._acting.acquire(timeout=TURN_WITHIN_SECONDS):
            raise Busy
        try:
            do = self._letters.replay if action == "replay" else self._letters.drop
            with closing(do(wanted)) as results:
                for result in results:
                    yield result
                    if self._stopping.is_set():
                        raise Busy
        finally:
            self._listed = None
            self._acting.release()

    def stop(self) -> None:
        self._stopping.set()


class Count:
    """Keeps `state` told how many dead letters were replayed or dropped, in a thread of its own.

    It reads topics of replays only after they have changed, and while someone looks.
    """

    def __init__(self, cluster: Cluster, state: ClusterState, is_urgent: Callable[[], bool]):
        self._letters = DeadLetters(cluster)
        self._state = state
        self._is_urgent = is_urgent
        self._stopping = threading.Event()
        self._counted: dict[str, object] = {}

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="dead letters").start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(COUNT_EVERY_SECONDS):
            if not self._is_urgent():
                continue
            try:
                self.look()
            except ConnectionError as error:
                log.warning("dead letters are not counted", error=str(error))
            except Exception:
                log.exception("dead letters are not counted")

    def look(self) -> None:
        """Count anew where something has changed. Raises ConnectionError."""
        marks = self._state.handling_marks()
        changed = [service for service, mark in marks.items() if self._counted.get(service) != mark]
        if changed:
            self._state.handled_are(self._letters.handled(changed))
        self._counted = marks
