"""What is known of topics and groups now, and who has read how far since when."""

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bus.inspection import Group
from bus.names import Names
from events.catalogue import TOPICS, consumers, dead_letters_of, is_for_retries, retries_of
from events.services import SERVICES, Service

from .ring import Place
from .summary import Summary

SELF = "observer"
RATE_SECONDS = 5.0
"""Over which records of a second are averaged."""
DEAD_LETTERS = dead_letters_of("")
MAX_MOVES = 240
Partitions = dict[Place, int]
"""An offset of each partition."""


class ClusterState:
    """Written by the threads that follow and ask; read by pages. Thread-safe. Names are those of the suite."""

    def __init__(
        self,
        names: Names,
        ends: Callable[[], Partitions],
        clock: Callable[[], float] = time.time,
        max_moves: int = MAX_MOVES,
    ):
        """`ends`: tells where the partitions end now; `max_moves`: how many moves of a committed offset are remembered,
        of each group and partition."""
        self._max_moves = max_moves
        self._names = names
        self._ends_now = ends
        self._clock = clock
        self._lock = threading.RLock()
        self._is_up = False
        self._topics: dict[str, int] = {}
        self._begins: Partitions = {}
        self._ends: Partitions = {}
        self._groups: dict[str, Group | None] = {}
        self._committed: dict[str, Partitions] = {}
        self._moves: dict[tuple[str, str, int], deque[tuple[int, int | None]]] = {}
        self._heard: deque[tuple[float, str, int]] = deque()
        self._written: dict[tuple[str, int, int], int] = {}
        self._handled: dict[str, int | None] = {}

    # --- what is told ------------------------------------------------------------------------

    def broker_is(self, up: bool) -> None:
        with self._lock:
            self._is_up = up

    def topics_are(self, topics: Mapping[str, int], begins: Partitions) -> None:
        """`topics`: how many partitions each has."""
        with self._lock:
            self._topics = dict(topics)
            self._begins = dict(begins)

    def groups_are(self, groups: Mapping[str, Group | None]) -> None:
        with self._lock:
            self._groups = dict(groups)

    def heard(self, records: Iterable[Summary]) -> None:
        """Count what is written now; what an earlier hour has left counts for no rate."""
        now = self._clock()
        counts = Counter(one.topic for one in records if one.at / 1000 > now - RATE_SECONDS)
        with self._lock:
            self._heard.extend((now, topic, number) for topic, number in counts.items())

    def committed_are(self, committed: Mapping[str, Partitions]) -> list[dict[str, Any]]:
        """Returns what has moved since the last time, as pages are told of it."""
        at, moved = round(self._clock() * 1000), []
        with self._lock:
            for group, positions in committed.items():
                before = self._committed.get(group)
                for (topic, partition), offset in positions.items():
                    if before is not None and before.get((topic, partition)) == offset:
                        continue
                    moves = self._moves.setdefault((group, topic, partition), deque(maxlen=self._max_moves))
                    moves.append((offset, None if before is None else at))
                    if before is not None:
                        moved.append({"group": group, "topic": topic, "partition": partition, "offset": offset})
            self._committed = {group: dict(positions) for group, positions in committed.items()}
            self._moves = {key: moves for key, moves in self._moves.items() if key[0] in self._committed}
        return moved

    def written_at(self, times: Mapping[tuple[str, int, int], int]) -> None:
        """When the records that groups wait for were written (topic, partition, offset)."""
        with self._lock:
            self._written = dict(times)

    def handled_are(self, numbers: Mapping[str, int | None]) -> None:
        """How many dead letters of these services were replayed or dropped; None: nobody knows."""
        with self._lock:
            self._handled |= numbers

    # --- what is asked -----------------------------------------------------------------------

    def topics(self) -> dict[str, int]:
        with self._lock:
            return dict(self._topics)

    def waiting(self) -> set[tuple[str, int, int]]:
        """The places of the first records that groups have not read."""
        with self._lock:
            self._ends = self._ends_now()
            return {
                (topic, partition, first)
                for group in self._groups
                for (topic, partition), first in self._first_waiting(group).items()
            }

    def dead_letter_services(self) -> list[str]:
        """The services that have a topic of dead letters, those that the suite does not know too."""
        with self._lock:
            return sorted(map(self._service_of, self._dead_letter_topics()))

    def handling_marks(self) -> dict[str, Any]:
        """By service that has dead letters: something that differs when another number of them may be handled."""
        with self._lock:
            self._ends = self._ends_now()
            marks = {}
            for topic in self._dead_letter_topics():
                if self._held(topic) == 0:
                    continue
                replays = retries_of(topic.removesuffix(DEAD_LETTERS), "")
                begins = {place: at for place, at in self._begins.items() if place[0] == topic}
                ends = {place: at for place, at in self._ends.items() if place[0].startswith(replays)}
                marks[self._service_of(topic)] = (begins, ends)
            return marks

    def read_by(self, topic: str, partition: int, offset: int) -> list[dict[str, Any]]:
        """The groups that have passed the record, and since when (ms); null, where that was not seen."""
        with self._lock:
            found = []
            for group, positions in sorted(self._committed.items()):
                if positions.get((topic, partition), -1) > offset:
                    moves = self._moves.get((group, topic, partition), ())
                    passed = next((at for to, at in moves if to > offset), None)
                    found.append({"group": group, "at": passed})
            return found

    def topic_list(self) -> list[dict[str, Any]]:
        """Every topic, with what each partition holds."""
        with self._lock:
            self._ends = self._ends_now()
            return [
                self._topic(name)
                | {
                    "partitions": [
                        {
                            "partition": number,
                            "begin": self._begins.get((name, number)),
                            "end": self._ends.get((name, number)),
                        }
                        for number in range(count)
                    ]
                }
                for name, count in sorted(self._topics.items())
            ]

    def graph(self) -> dict[str, Any]:
        """All of it, as pages draw it."""
        with self._lock:
            self._ends = self._ends_now()
            groups = [self._group(name) for name in sorted({*consumers(), *self._groups})]
            states = {group["name"]: group for group in groups}
            return {
                "at": round(self._clock() * 1000),
                "broker": {"up": self._is_up},
                "services": [self._service(service, states) for service in SERVICES],
                "topics": [self._topic(name) for name in sorted(self._topics)],
                "groups": groups,
                "dead_letters": {
                    self._service_of(topic): {"waiting": self._waiting(topic), "total": self._held(topic)}
                    for topic in self._dead_letter_topics()
                },
            }

    def _service(self, service: Service, groups: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
        group = groups.get(service.name)
        state = "unknown"
        if service.name == SELF:
            state = "up"  # it is what answers
        elif group and group["members"] is not None:
            state = "up" if group["members"] else "down"
        return {
            "name": service.name,
            "page": service.page,
            "reads": list(service.reads),
            "publishes": list(service.publishes),
            "en": {"name": service.english.name, "does": service.english.does},
            "pt-BR": {"name": service.portuguese.name, "does": service.portuguese.does},
            "group": service.name if group else None,
            "state": state,
        }

    def _topic(self, name: str) -> dict[str, Any]:
        horizon = self._clock() - RATE_SECONDS
        while self._heard and self._heard[0][0] < horizon:
            self._heard.popleft()
        heard = sum(number for _at, topic, number in self._heard if topic == name)
        return {
            "name": name,
            "kind": kind_of(name),
            "partitions": self._topics[name],
            "records": self._held(name),
            "per_second": round(heard / RATE_SECONDS, 1),
            **({"waiting": self._waiting(name)} if kind_of(name) == "dead-letters" else {}),
        }

    def _dead_letter_topics(self) -> list[str]:
        return sorted(name for name in self._topics if kind_of(name) == "dead-letters")

    def _service_of(self, topic: str) -> str:
        return self._names.unprefixed(topic).removesuffix(DEAD_LETTERS)

    def _waiting(self, topic: str) -> int | None:
        """How many dead letters of a topic nothing was done about; None where nobody knows."""
        held, handled = self._held(topic), self._handled.get(self._service_of(topic))
        if held == 0:
            return 0
        return None if held is None or handled is None else max(0, held - handled)

    def _held(self, topic: str) -> int | None:
        """How many records a topic has; None for a compacted one, whose offsets do not tell."""
        if kind_of(topic) == "memory":
            return None
        places = [(topic, number) for number in range(self._topics[topic])]
        if any(place not in self._begins or place not in self._ends for place in places):
            return None
        return sum(max(0, self._ends[place] - self._begins[place]) for place in places)

    def _group(self, name: str) -> dict[str, Any]:
        group = self._groups.get(name) if self._is_up else None
        positions = self._committed.get(name, {})
        topics: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for topic, partition in sorted(self._read_by_group(name)):
            end, lag = self._ends.get((topic, partition)), self._lag(name, (topic, partition))
            committed = positions.get((topic, partition))
            topics[topic].append({"partition": partition, "committed": committed, "end": end, "lag": lag})
        lags = [one["lag"] for partitions in topics.values() for one in partitions if one["lag"] is not None]
        oldest = [
            self._written[(topic, partition, first)]
            for (topic, partition), first in self._first_waiting(name).items()
            if (topic, partition, first) in self._written
        ]
        return {
            "name": name,
            "service": name if name in consumers() else None,
            "state": group.state if group and group.state != "Unknown" else "unknown",
            "members": group.members if group else None,
            "lag": sum(lags) if lags else None,
            "oldest_seconds": round(max(0.0, self._clock() - min(oldest) / 1000), 1) if oldest else None,
            "topics": topics,
        }

    def _read_by_group(self, name: str) -> set[Place]:
        """The partitions of the topics that a service reads, and those that the group has or has committed."""
        topics = {topic for service in SERVICES if service.name == name for topic in service.reads}
        places = {(topic, number) for topic in topics for number in range(self._topics.get(topic, 0))}
        group = self._groups.get(name)
        assigned = {
            (self._names.topic(one.topic), one.partition)
            for one in (group.assigned if group else ())
            if self._names.is_ours(one.topic)
        }
        return {place for place in places | assigned | self._committed.get(name, {}).keys() if place[0] in self._topics}

    def _first(self, name: str, place: Place) -> int | None:
        """The offset at which the group goes on; the suite's own begin with the first record that there is."""
        committed = self._committed.get(name, {}).get(place)
        if committed is None and name in self._committed and name in consumers():
            return self._begins.get(place)
        return committed

    def _lag(self, name: str, place: Place) -> int | None:
        first, end = self._first(name, place), self._ends.get(place)
        if first is None or end is None or not self._is_up:
            return None
        return max(0, end - max(first, self._begins.get(place, 0)))

    def _first_waiting(self, name: str) -> Partitions:
        """The first offset that waits, of each partition where one does."""
        waiting: Partitions = {}
        for place in self._read_by_group(name):
            first = self._first(name, place)
            if first is not None and self._lag(name, place):
                waiting[place] = max(first, self._begins.get(place, 0))
        return waiting


def kind_of(topic: str) -> str:
    """What a topic is for, as its name says; `foreign` for one that the suite does not know."""
    if topic.endswith(DEAD_LETTERS):
        return "dead-letters"
    if topic.endswith(".memory"):
        return "memory"
    if is_for_retries(topic):
        return "replays"
    if topic.endswith(".delay"):
        return "retry"
    return "events" if topic in TOPICS else "foreign"
