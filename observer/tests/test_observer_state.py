"""What is known of topics and groups, and what is not."""

from typing import Any

import pytest
from bus import KafkaSettings
from bus.inspection import Group
from bus.names import Names
from observer.cluster_state import ClusterState, kind_of

STABLE = Group("Stable", 2, frozenset())


class Known:
    """A state whose clock and ends the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.ends: dict[tuple[str, int], int] = {}
        self.state = ClusterState(Names(KafkaSettings()), lambda: self.ends, lambda: self.now)

    def topics(self, **counts: int) -> None:
        begins = {(topic, number): 0 for topic, count in counts.items() for number in range(count)}
        self.state.topics_are(counts, begins)
        self.ends = dict.fromkeys(begins, 10)
        self.state.broker_is(up=True)

    def group(self, name: str) -> Any:
        return {group["name"]: group for group in self.state.graph()["groups"]}[name]

    def service(self, name: str) -> Any:
        return {service["name"]: service for service in self.state.graph()["services"]}[name]


@pytest.fixture
def known() -> Known:
    return Known()


def test_what_is_not_known_is_not_invented(known: Known) -> None:
    graph = known.state.graph()
    assert graph["broker"] == {"up": False}
    assert (graph["topics"], graph["dead_letters"]) == ([], {})
    group = known.group("rotate-worker")
    assert (group["state"], group["members"], group["lag"], group["oldest_seconds"]) == ("unknown", None, None, None)
    assert known.service("rotate-worker")["state"] == "unknown"
    assert known.service("observer")["state"] == "up"


def test_a_group_is_up_with_members_and_down_without(known: Known) -> None:
    known.topics(image=1)
    known.state.groups_are({"rotate-worker": STABLE, "caption-worker": Group("Empty", 0, frozenset())})
    states = {name: known.service(name)["state"] for name in ("rotate-worker", "caption-worker", "grayscale-worker")}
    assert states == {"rotate-worker": "up", "caption-worker": "down", "grayscale-worker": "unknown"}
    assert known.service("image-upload")["state"] == "unknown"  # it has no group, and is asked nothing
    known.state.broker_is(up=False)
    assert known.service("rotate-worker")["state"] == "unknown"
    assert known.group("rotate-worker")["lag"] is None


def test_lag_is_what_is_not_committed(known: Known) -> None:
    known.topics(image=2)
    known.state.groups_are({"rotate-worker": STABLE, "console": STABLE})
    known.state.committed_are({"rotate-worker": {("image", 0): 4}, "console": {("image", 0): 9}})
    rotate, console = known.group("rotate-worker"), known.group("console")
    assert (rotate["lag"], rotate["service"], console["lag"], console["service"]) == (16, "rotate-worker", 1, None)
    assert rotate["topics"]["image"] == [
        {"partition": 0, "committed": 4, "end": 10, "lag": 6},
        {"partition": 1, "committed": None, "end": 10, "lag": 10},
    ]
    assert [one["partition"] for one in console["topics"]["image"]] == [0]


def test_what_retention_took_is_not_waited_for(known: Known) -> None:
    known.topics(image=1)
    known.state.topics_are({"image": 1}, {("image", 0): 8})
    known.state.groups_are({"rotate-worker": STABLE})
    known.state.committed_are({"rotate-worker": {("image", 0): 4}})
    assert known.group("rotate-worker")["lag"] == 2
    assert ("image", 0, 8) in known.state.waiting()


def test_the_oldest_that_waits_is_the_oldest_of_all_partitions(known: Known) -> None:
    known.topics(image=2)
    known.state.groups_are({"rotate-worker": STABLE})
    known.state.committed_are({"rotate-worker": {("image", 0): 4, ("image", 1): 10}})
    assert known.state.waiting() == {("image", 0, 4)}
    known.state.written_at({("image", 0, 4): 940_000, ("image", 1, 3): 1})
    assert known.group("rotate-worker")["oldest_seconds"] == 60.0


def test_moves_are_told_and_remembered(known: Known) -> None:
    known.topics(image=1)
    assert known.state.committed_are({"rotate-worker": {("image", 0): 4}}) == []
    known.now = 1_001.0
    moved = known.state.committed_are({"rotate-worker": {("image", 0): 7}})
    assert moved == [{"group": "rotate-worker", "topic": "image", "partition": 0, "offset": 7}]
    known.now = 1_002.0
    assert known.state.committed_are({"rotate-worker": {("image", 0): 7}}) == []
    assert known.state.read_by("image", 0, 3) == [{"group": "rotate-worker", "at": None}]  # before anybody looked
    assert known.state.read_by("image", 0, 6) == [{"group": "rotate-worker", "at": 1_001_000}]
    assert known.state.read_by("image", 0, 7) == []


def test_the_first_commit_of_a_group_that_was_looked_at_is_a_move(known: Known) -> None:
    known.topics(image=1)
    known.state.committed_are({"rotate-worker": {}})
    assert len(known.state.committed_are({"rotate-worker": {("image", 0): 1}})) == 1
    assert known.state.read_by("image", 0, 0) == [{"group": "rotate-worker", "at": 1_000_000}]


def test_the_rate_is_of_what_is_written_now(known: Known, fakes: Any) -> None:
    known.topics(image=1)
    known.state.heard([fakes.summary(at=999_000) for _ in range(10)] + [fakes.summary(at=1_000)])

    def rate() -> float:
        return float(known.state.graph()["topics"][0]["per_second"])

    assert rate() == 2.0
    known.now += 6
    assert rate() == 0.0


def test_records_are_counted_where_offsets_tell(known: Known) -> None:
    known.topics(image=2, **{"notifier.memory": 1, "rotate-worker.dlq": 1})
    del known.ends["image", 1]
    graph = known.state.graph()
    assert {topic["name"]: topic["records"] for topic in graph["topics"]} == {
        "image": None, "notifier.memory": None, "rotate-worker.dlq": 10,
    }  # fmt: skip
    assert graph["dead_letters"] == {"rotate-worker": {"waiting": None, "total": 10}}
    known.state.handled_are({"rotate-worker": 4})
    assert known.state.graph()["dead_letters"] == {"rotate-worker": {"waiting": 6, "total": 10}}
    known.ends["rotate-worker.dlq", 0] = 0
    assert known.state.graph()["dead_letters"] == {"rotate-worker": {"waiting": 0, "total": 0}}


def test_kinds_are_told_by_names() -> None:
    names = ("image", "a-worker.dlq", "notifier.memory", "notifier.delay", "a-worker.retry.image", "vendas")
    assert [kind_of(name) for name in names] == ["events", "dead-letters", "memory", "retry", "replays", "foreign"]
