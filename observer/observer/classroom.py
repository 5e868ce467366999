"""A class on one broker: the suites whose topics have a prefix each, side by side."""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bus import KafkaSettings
from bus.inspection import Group, Inspection
from bus.names import Names, prefix_of
from bus.ports import Cluster
from events.catalogue import TOPICS, all_topics, consumers
from service.log import get_logger

from .cluster_state import ClusterState
from .letters import Count

log = get_logger(__name__)

MAX_PREFIXES = 60
"""More are counted, not shown."""
MIN_TOPICS = 2
"""Topics of the suite that a prefix must have: one alone may have a name that merely ends so."""
LOOK_EVERY_SECONDS = 3.0
BEGINS_EVERY_SECONDS = 30.0
ASKED_SECONDS = 15.0
"""How long it goes on to look after somebody has asked."""
TIMEOUT_SECONDS = 5.0

ClusterOf = Callable[[KafkaSettings], Cluster]


class Told(NamedTuple):
    """What the cluster says, by the names that it has for topics and groups."""

    topics: Mapping[str, int]
    """How many partitions each has."""
    begins: Mapping[Any, int]
    ends: Mapping[Any, int]
    groups: Mapping[str, Group | None]
    committed: Mapping[str, Mapping[Any, int]]


class Suite:
    """What is known of the suite of one prefix."""

    def __init__(self, settings: KafkaSettings, prefix: str, cluster_of: ClusterOf, clock: Callable[[], float]):
        self.prefix = prefix
        self.settings = settings.model_copy(update={"kafka_topic_prefix": prefix, "kafka_group_prefix": prefix})
        self.ends: dict[tuple[str, int], int] = {}
        self._names = Names(self.settings)
        self.state = ClusterState(self._names, lambda: self.ends, clock, max_moves=0)
        self.count = Count(cluster_of(self.settings), self.state, lambda: True)
        self.active_at: int | None = None
        """When events were last seen to come, in ms; None where that was before anybody looked."""
        self._clock = clock
        self._written: int | None = None

    def take(self, told: Told) -> None:
        """Take in what the cluster says of its topics and groups."""
        state, names = self.state, self._names

        def own(offsets: Mapping[Any, int]) -> dict[tuple[str, int], int]:
            return {
                (names.topic(one.topic), one.partition): at for one, at in offsets.items() if one.topic in told.topics
            }

        state.topics_are({names.topic(called): count for called, count in told.topics.items()}, own(told.begins))
        self.ends = own(told.ends)
        written = sum(end for (topic, _number), end in self.ends.items() if topic in TOPICS)
        if self._written is not None and written > self._written:
            self.active_at = round(self._clock() * 1_000)
        self._written = written
        groups = {self.settings.group(service): service for service in consumers()}
        state.groups_are({service: told.groups.get(group) for group, service in groups.items()})
        committed = {group: told.committed[group] for group in groups.keys() & told.committed.keys()}
        state.committed_are({groups[group]: own(offsets) for group, offsets in committed.items()})
        state.broker_is(up=True)

    def row(self) -> dict[str, Any]:
        """What pages are told. Null: nobody knows."""
        graph = self.state.graph()
        letters = graph["dead_letters"]
        services = [
            {name: group[name] for name in ("name", "members", "lag")}
            | {"dead_letters": letters.get(group["name"], {"waiting": 0, "total": 0})}
            for group in graph["groups"]
            if group["service"]
        ]
        return {
            "prefix": self.prefix,
            "services": services,
            "lag": _sum(one["lag"] for one in services),
            "dead_letters": {
                name: _sum(one["dead_letters"][name] for one in services) for name in ("waiting", "total")
            },
            "active_at": self.active_at,
        }


class Classroom:
    """Looks at all suites together, in a thread of its own, while someone asks. Thread-safe."""

    def __init__(
        self,
        settings: KafkaSettings,
        begins: Sequence[str],
        cluster_of: ClusterOf,
        clock: Callable[[], float] = time.time,
    ):
        """`begins`: what their prefixes begin with."""
        self._settings = settings
        self._wanted = tuple(begins)
        self._cluster_of = cluster_of
        self._clock = clock
        self._suites: dict[str, Suite] = {}
        self._report: dict[str, Any] = {"at": None, "broker": {"up": None}, "suites": [], "more": 0}
        self._begins: Mapping[Any, int] = {}
        self._topics: dict[str, int] = {}
        self._begins_at = float("-inf")
        self._asked_at = float("-inf")
        self._asked = threading.Event()
        self._stopping = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name="class").start()

    def stop(self) -> None:
        self._stopping.set()
        self._asked.set()

    def report(self) -> dict[str, Any]:
        """What the last look has told; someone asks for it."""
        self._asked_at = time.monotonic()
        self._asked.set()
        return self._report

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._asked.wait()
            try:
                with Inspection(self._settings, TIMEOUT_SECONDS) as inspection:
                    while self._goes_on():
                        self.look(inspection)
                        self._stopping.wait(LOOK_EVERY_SECONDS)
            except ConnectionError as error:
                log.warning("the class is not seen", error=str(error))
                self._is_away()
            except Exception:
                log.exception("the look at the class failed and is made anew")
                self._is_away()

    def _goes_on(self) -> bool:
        if time.monotonic() - self._asked_at >= ASKED_SECONDS:
            self._asked.clear()
        return self._asked.is_set() and not self._stopping.is_set()

    def _is_away(self) -> None:
        for suite in self._suites.values():
            suite.state.broker_is(up=False)
        self._tell(is_up=False, more=self._report["more"])
        self._goes_on()
        self._stopping.wait(LOOK_EVERY_SECONDS)

    def look(self, inspection: Inspection) -> None:
        """Ask the cluster once for all. Raises ConnectionError."""
        there = inspection.topics()
        found = suites_of(there, self._wanted)
        shown = sorted(found)[:MAX_PREFIXES]
        self._suites = {
            prefix: self._suites.get(prefix) or Suite(self._settings, prefix, self._cluster_of, self._clock)
            for prefix in shown
        }
        topics = {called: there[called] for prefix in shown for called in found[prefix]}
        now = time.monotonic()
        if topics != self._topics or now - self._begins_at >= BEGINS_EVERY_SECONDS:
            self._begins, self._topics, self._begins_at = inspection.begins(topics), topics, now
        groups = [suite.settings.group(name) for suite in self._suites.values() for name in sorted(consumers())]
        described, committed = inspection.groups(groups), inspection.committed(groups)
        begins, ends = _by_topic(self._begins), _by_topic(inspection.ends(topics))
        for prefix, suite in self._suites.items():
            own = {called: topics[called] for called in found[prefix]}
            suite.take(Told(own, _of(own, begins), _of(own, ends), described, committed))
            try:
                suite.count.look()
            except ConnectionError as error:
                log.warning("dead letters are not counted", prefix=prefix, error=str(error))
        self._tell(is_up=True, more=len(found) - len(shown))

    def _tell(self, is_up: bool, more: int) -> None:
        rows = [suite.row() for suite in self._suites.values()]
        self._report = {"at": round(self._clock() * 1_000), "broker": {"up": is_up}, "suites": rows, "more": more}


def suites_of(topics: Iterable[str], begins: Sequence[str]) -> dict[str, list[str]]:
    """The topics of each suite among `topics` (as on the cluster) whose prefix begins with one of `begins`."""
    names, found = all_topics(), defaultdict[str, list[str]](list)
    events: Counter[str] = Counter()
    for called in topics:
        prefix = prefix_of(called, names)
        if prefix and prefix.startswith(tuple(begins)):
            found[prefix].append(called)
            events[prefix] += called.removeprefix(prefix) in TOPICS
    return {prefix: called for prefix, called in found.items() if events[prefix] >= MIN_TOPICS}


def _by_topic(offsets: Mapping[Any, int]) -> dict[str, dict[Any, int]]:
    found: dict[str, dict[Any, int]] = defaultdict(dict)
    for one, at in offsets.items():
        found[one.topic][one] = at
    return found


def _of(topics: Iterable[str], offsets: Mapping[str, dict[Any, int]]) -> dict[Any, int]:
    return {one: at for topic in topics for one, at in offsets.get(topic, {}).items()}


def _sum(numbers: Iterable[int | None]) -> int | None:
    """None where one is not known."""
    known = list(numbers)
    return None if None in known else sum(filter(None, known))
