"""What the views work with: the follower's records and the watch's findings, and who is told of them."""

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from bus import KafkaSettings
from bus.browser import Browser
from bus.cluster import ClusterView
from bus.follower import Follower
from bus.kafka_cluster import KafkaCluster
from bus.names import Names
from web import Hub

from .classroom import Classroom
from .cluster_state import ClusterState, kind_of
from .letters import Count, Letters
from .ring import Ring
from .sampling import Sampler
from .summary import summary_of
from .watch import Watch

RING_BYTES = 32 * 1024 * 1024
BEGIN_WITH_RECORDS = 20_000
"""How many records, over all topics, are read again at the start."""
SHOWN_PER_SECOND = 200
QUIET_KINDS = {"dead-letters", "replays", "memory"}
"""Topics that seldom have new records."""
GRAPH_EVERY_SECONDS = 1.0
ASKED_SECONDS = 10.0
"""How long the state is kept fresh after someone has asked for it without a stream."""


class Observatory:
    """Everything that this process knows, and the open pages that hear of it."""

    def __init__(self, kafka: KafkaSettings, end: Any, prefixes: Sequence[str] = ()):
        """`prefixes`: what those of a class begin with, which are shown apart; none: there is no class."""
        cluster = KafkaCluster(kafka)
        self.names = Names(kafka, prefixes)
        self.hub = Hub()
        self.ring = Ring(RING_BYTES)
        self.state = ClusterState(self.names, self._ends)
        self.browser = Browser(kafka)
        self.cluster = ClusterView(kafka)
        self.follower = Follower(
            kafka, self.names, self.heard, BEGIN_WITH_RECORDS, self.hub.is_heard, end, self._is_quiet
        )
        self.watch = Watch(
            kafka, self.names, self.state, self.ring, self.browser, self._is_looked_at, self._read_positions_moved
        )
        self.letters = Letters(cluster, self.state.dead_letter_services)
        self._count = Count(cluster, self.state, self._is_looked_at)
        self.classroom = Classroom(kafka, prefixes, KafkaCluster) if prefixes else None
        self._sampler = Sampler(SHOWN_PER_SECOND)
        self._stopping = threading.Event()
        self._asked = threading.Event()
        self._shown: dict[str, Any] = {}

    def start(self) -> None:
        self.follower.start()
        self.watch.start()
        self._count.start()
        if self.classroom:
            self.classroom.start()
        threading.Thread(target=self._show_graph, daemon=True, name="graph").start()

    def stop(self) -> None:
        self._stopping.set()
        self.follower.stop()
        self.watch.stop()
        self._count.stop()
        if self.classroom:
            self.classroom.stop()

    def asked(self) -> None:
        """Someone looks: keep the state fresh for a while."""
        if not self._asked.is_set():
            self._asked.set()
            self.hurry()

    def hurry(self) -> None:
        """Someone looks from now on."""
        self.follower.hurry()
        self.watch.hurry()

    def heard(self, records: Iterable[Any]) -> None:
        """Take in what the follower has read, and tell open pages."""
        began = {(self.names.topic(one.topic), one.partition): offset for one, offset in self.follower.began.items()}
        summaries = [summary_of(record, self.names) for record in records]
        self.ring.add(summaries, began)
        self.state.heard(summaries)
        if not self.hub.is_heard():
            return
        shown = self._sampler.take(summaries)
        if shown:
            self.hub.send("records", [one.to_json() for one in shown])
        if report := self._sampler.report():
            self.hub.send("sampled", report)

    def _is_quiet(self, called: str) -> bool:
        return kind_of(self.names.topic(called)) in QUIET_KINDS

    def _read_positions_moved(self, moved: list[dict[str, Any]]) -> None:
        self.hub.send("read", moved)

    def _is_looked_at(self) -> bool:
        return self.hub.is_heard() or self._asked.is_set()

    def _ends(self) -> dict[tuple[str, int], int]:
        return {(self.names.topic(one.topic), one.partition): end for one, end in self.follower.ends.items()}

    def _show_graph(self) -> None:
        turns_left = 0.0
        while not self._stopping.wait(GRAPH_EVERY_SECONDS):
            turns_left = ASKED_SECONDS if self._asked.is_set() and turns_left <= 0 else turns_left - GRAPH_EVERY_SECONDS
            if turns_left <= 0:
                self._asked.clear()
            if not self.hub.is_heard():
                continue
            graph = self.state.graph()
            if (now := {**graph, "at": 0}) != self._shown:
                self._shown = now
                self.hub.send("graph", graph)
