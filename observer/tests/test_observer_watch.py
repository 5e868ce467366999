"""Which groups are shown, and since when records wait."""

from typing import Any

import pytest
from bus import KafkaSettings
from bus.inspection import Group
from observer.observatory import Observatory


class Place(tuple[str, int]):
    topic = property(lambda self: self[0])
    partition = property(lambda self: self[1])


class FakeInspection:
    """A cluster that this suite shares with others."""

    committed_of = {  # noqa: RUF012 - not changed
        "g-rotate-worker": {Place(("p-image", 0)): 1},
        "rotate-worker": {Place(("image", 0)): 9, Place(("p-image", 0)): 9},
        "g-console": {},
        "reader": {Place(("p-image", 0)): 2},
        "stranger": {Place(("image", 0)): 5},
    }

    def topics(self) -> dict[str, int]:
        return {"p-image": 1, "image": 1, "__consumer_offsets": 50}

    def begins(self, topics: dict[str, int]) -> dict[Place, int]:
        return {Place((topic, number)): 0 for topic, count in topics.items() for number in range(count)}

    def group_names(self) -> list[str]:
        return list(self.committed_of)

    def groups(self, names: list[str]) -> dict[str, Group]:
        return {name: Group("Stable", 1, frozenset()) for name in names}

    def committed(self, names: list[str]) -> dict[str, dict[Place, int]]:
        return {name: self.committed_of.get(name, {}) for name in names}


@pytest.fixture
def observatory(monkeypatch: pytest.MonkeyPatch, fakes: Any) -> Observatory:
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "p-")
    monkeypatch.setenv("KAFKA_GROUP_PREFIX", "g-")
    observatory = Observatory(KafkaSettings(), end=lambda _status: None)
    observatory.state.broker_is(up=True)
    observatory.follower.ends = {Place(("p-image", 0)): 4}  # type: ignore[dict-item]
    observatory.ring.add([fakes.summary(offset=number, at=1_000 * number) for number in range(4)], {})
    inspection: Any = FakeInspection()
    observatory.watch._look(inspection)
    return observatory


def test_groups_of_others_are_shown_where_they_read_our_topics(observatory: Observatory) -> None:
    groups = {group["name"]: group for group in observatory.state.graph()["groups"]}
    assert {"rotate-worker", "g-console", "reader"} <= groups.keys()
    assert "stranger" not in groups
    assert groups["rotate-worker"]["lag"] == 3  # not what another suite's group of that name has committed
    assert groups["reader"]["lag"] == 2


def test_groups_of_a_class_are_shown_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    observatory = Observatory(KafkaSettings(), end=lambda _status: None, prefixes=("g-", "p-"))
    inspection: Any = FakeInspection()
    observatory.watch._look(inspection)
    graph = observatory.state.graph()
    assert [topic["name"] for topic in graph["topics"]] == ["image"]
    assert {"g-console", "g-rotate-worker"} & {group["name"] for group in graph["groups"]} == set()
    assert "stranger" in {group["name"] for group in graph["groups"]}


def test_only_topics_with_the_prefix_are_shown(observatory: Observatory) -> None:
    assert [topic["name"] for topic in observatory.state.graph()["topics"]] == ["image"]


def test_since_when_a_record_waits_is_known_from_memory(observatory: Observatory) -> None:
    waits = observatory.state.waiting()
    assert {("image", 0, 0), ("image", 0, 1), ("image", 0, 2)} >= waits >= {("image", 0, 1), ("image", 0, 2)}
    groups = {group["name"]: group for group in observatory.state.graph()["groups"]}
    assert groups["rotate-worker"]["oldest_seconds"] is not None
