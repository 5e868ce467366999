"""A class on one broker: which prefixes there are, and how each is."""

from collections import Counter
from typing import Any, NamedTuple

import pytest
from bus import KafkaSettings
from bus.inspection import Group
from bus.testing import Broker
from observer.access import Access
from observer.app import make_app
from observer.classroom import Classroom, suites_of
from observer.observatory import Observatory
from observer.settings import ObserverSettings
from pydantic import ValidationError

from observer import classroom as module

TOPICS = ("image", "notification", "rotate-worker.dlq", "rotate-worker.retry.image")


class Place(NamedTuple):
    topic: str
    partition: int


class School:
    """A cluster with a suite for each pupil, as an Inspection tells of it; with one partition in each topic."""

    def __init__(self, *prefixes: str) -> None:
        self.now = 1_000.0
        self.written = Counter({Place(prefix + topic, 0): 0 for prefix in prefixes for topic in TOPICS})
        self.members: dict[str, int] = {}
        self.positions: dict[str, dict[Place, int]] = {}
        self.letters: dict[str, Broker] = {}
        self.classroom = Classroom(KafkaSettings(), ("aluno",), self.cluster_of, lambda: self.now)

    def cluster_of(self, settings: KafkaSettings) -> Any:
        return self.letters.setdefault(settings.kafka_topic_prefix, Broker(1, settings))

    def topics(self) -> dict[str, int]:
        return {place.topic: 1 for place in self.written} | {"__consumer_offsets": 50}

    def begins(self, topics: dict[str, int]) -> dict[Place, int]:
        return {Place(topic, 0): 0 for topic in topics}

    def ends(self, topics: dict[str, int]) -> dict[Place, int]:
        return {Place(topic, 0): self.written[Place(topic, 0)] for topic in topics}

    def groups(self, names: list[str]) -> dict[str, Group | None]:
        members = {name: self.members.get(name, 0) for name in names}
        return {name: Group("Stable" if number else "Empty", number, frozenset()) for name, number in members.items()}

    def committed(self, names: list[str]) -> dict[str, dict[Place, int]]:
        return {name: self.positions.get(name, {}) for name in names}

    def look(self) -> dict[str, Any]:
        inspection: Any = self
        self.classroom.look(inspection)
        report = self.classroom.report()
        return {suite["prefix"]: suite for suite in report["suites"]} | {"more": report["more"]}


def service(suite: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in suite["services"] if one["name"] == name)


def test_a_prefix_is_what_stands_before_the_topics_of_a_suite() -> None:
    topics = ["image", "notification", "a1-image", "a1-notification", "a1-rotate-worker.retry.image", "a1-mine-image"]
    topics += ["a10-chatbot", "a10-sentiment", "b-image", "b-image2", "c.image", "c.chat-reply", "__consumer_offsets"]
    found = suites_of(topics, ["a"])
    assert {prefix: len(names) for prefix, names in found.items()} == {"a1-": 3, "a10-": 2}
    assert suites_of(topics, [""]).keys() == {"a1-", "a10-", "c."}
    assert suites_of(topics, ["a10", "c"]).keys() == {"a10-", "c."}


def test_each_suite_is_told_apart() -> None:
    school = School("aluno1-", "aluno2-", "other-")
    school.written[Place("aluno1-image", 0)] = 5
    school.members["aluno1-rotate-worker"] = 2
    school.positions["aluno1-rotate-worker"] = {Place("aluno1-image", 0): 3}
    report = school.look()
    assert report.keys() == {"aluno1-", "aluno2-", "more"}
    first = service(report["aluno1-"], "rotate-worker")
    assert (first["members"], first["lag"]) == (2, 2)
    second = service(report["aluno2-"], "rotate-worker")
    assert (second["members"], second["lag"]) == (0, 0)


def test_activity_is_what_was_seen_to_come_and_else_unknown() -> None:
    school = School("aluno1-", "aluno2-")
    school.written[Place("aluno1-image", 0)] = 5
    report = school.look()
    assert [report[prefix]["active_at"] for prefix in ("aluno1-", "aluno2-")] == [None, None]
    school.now = 2_000.0
    school.written[Place("aluno2-image", 0)] += 1
    school.written[Place("aluno1-rotate-worker.dlq", 0)] += 1  # that is no event
    report = school.look()
    assert [report[prefix]["active_at"] for prefix in ("aluno1-", "aluno2-")] == [None, 2_000_000]


def test_dead_letters_are_those_that_wait() -> None:
    school = School("aluno1-", "aluno2-")
    school.written[Place("aluno1-rotate-worker.dlq", 0)] = 2
    broker = school.cluster_of(KafkaSettings(kafka_topic_prefix="aluno1-", kafka_group_prefix="aluno1-"))
    for _ in range(2):
        broker.append("rotate-worker.dlq", b"{}", b"k", [], 0)
    broker.append("rotate-worker.retry.image", None, b"k", [("retry-of", b"rotate-worker/0/1")], 0)
    report = school.look()
    assert report["aluno1-"]["dead_letters"] == {"waiting": 1, "total": 2}
    assert report["aluno2-"]["dead_letters"] == {"waiting": 0, "total": 0}


def test_one_whose_dead_letters_cannot_be_counted_is_unknown_and_the_others_are_not() -> None:
    school = School("aluno1-", "aluno2-")
    for prefix in ("aluno1-", "aluno2-"):
        school.written[Place(f"{prefix}rotate-worker.dlq", 0)] = 1
    school.cluster_of(KafkaSettings(kafka_topic_prefix="aluno1-", kafka_group_prefix="aluno1-")).away = True
    report = school.look()
    assert report["aluno1-"]["dead_letters"] == {"waiting": None, "total": 1}
    assert report["aluno2-"]["dead_letters"] == {"waiting": 1, "total": 1}


def test_where_the_broker_is_away_nothing_is_known() -> None:
    school = School("aluno1-")
    assert school.classroom.report()["at"] is None
    school.look()
    school.classroom.stop()
    school.classroom._is_away()
    report = school.classroom.report()
    (suite,) = report["suites"]
    assert report["broker"] == {"up": False}
    assert (suite["lag"], service(suite, "rotate-worker")["members"]) == (None, None)


def test_more_than_a_screen_takes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PREFIXES", 2)
    school = School("aluno1-", "aluno2-", "aluno3-")
    report = school.look()
    assert report["more"] == 1
    assert report.keys() == {"aluno1-", "aluno2-", "more"}


def test_without_the_setting_there_is_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    alone = Observatory(KafkaSettings(), end=lambda _status: None)
    with_class = Observatory(KafkaSettings(), end=lambda _status: None, prefixes=("aluno",))
    for observatory, status in ((alone, 404), (with_class, 200)):
        client = make_app(observatory, Access(True, None)).test_client()
        assert client.get("/live/api/class").status_code == status
        assert (b'id="tab-class" href="#class" hidden' in client.get("/live/").data) == (status == 404)
    stranger = make_app(with_class, Access(False, None)).test_client()
    assert stranger.get("/live/api/class").status_code == 403


@pytest.mark.parametrize(
    ("value", "begins"), [("", ()), ("aluno", ("aluno",)), ("*", ("",)), (" a-, b ,", ("a-", "b"))]
)
def test_the_setting_names_begins(monkeypatch: pytest.MonkeyPatch, value: str, begins: tuple[str, ...]) -> None:
    monkeypatch.setenv("LIVE_PREFIXES", value)
    assert ObserverSettings().prefixes == begins


def test_a_prefix_that_no_topic_can_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_PREFIXES", "aluno*")
    with pytest.raises(ValidationError, match="LIVE_PREFIXES: 'aluno\\*'"):
        ObserverSettings()
