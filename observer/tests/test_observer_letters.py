"""Dead letters over HTTP, on the broker in memory."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from bus import KafkaSettings, PermanentError, Worker
from bus.testing import Broker
from events import ImageUploaded, OperationFinished
from observer.access import Access
from observer.app import make_app
from observer.cluster_state import ClusterState
from observer.letters import Count, Letters
from observer.observatory import Observatory
from web import limiter
from web.attendant_auth import AttendantAuth

from observer import letters as module

LETTERS = "/live/api/dead-letters"
TOKEN = "open sesame"


class Desk:
    """The API, and a worker that refuses all pictures until it is mended."""

    def __init__(self) -> None:
        self.broker = Broker(settings=KafkaSettings())
        self.letters = Letters(self.broker, lambda: ["mending"])
        self.works = False
        self.client = self.serve(Access(True, None))
        self.worker = Worker("mending")

        @self.worker.on("image", publishes="notification")
        def mend(upload: ImageUploaded) -> OperationFinished:
            if not self.works:
                raise PermanentError("out of order")
            return upload.finished("mend", upload.new_file)

    def serve(self, access: Access) -> Any:
        observatory = Observatory(self.broker.settings, end=lambda _status: None)
        observatory.letters = self.letters
        app = make_app(observatory, access)
        limiter.reset()
        return app.test_client()

    def come(self, *names: str) -> None:
        self.broker.publish("image", *(ImageUploaded(new_file=name, original_name=name) for name in names))
        self.work()

    def work(self) -> None:
        with self.broker.running(self.worker):
            self.broker.wait_until_handled(self.worker)

    def get(self, query: str = "", status: int = 200) -> Any:
        self.letters._listed = None
        answer = self.client.get(LETTERS + query)
        assert answer.status_code == status, answer.data
        return answer.get_json()

    def states(self, query: str = "") -> dict[str, str]:
        return {one["id"]: one["state"] for one in self.get(query)["letters"]}

    def post(self, action: str, **body: Any) -> list[dict[str, Any]]:
        answer = self.client.post(f"{LETTERS}/{action}", json=body)
        assert answer.status_code == 200, answer.data
        return [json.loads(line) for line in answer.get_data(as_text=True).splitlines()]

    def outcomes(self, action: str, **body: Any) -> dict[str, str]:
        return {line["id"]: line["outcome"] for line in self.post(action, **body)}

    def replays(self) -> int:
        return len(self.broker.records("mending.retry.image"))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.letters.stop()


def test_one_is_found_read_and_replayed_once(desk: Desk) -> None:
    desk.come("a.png")
    (letter,) = desk.get()["letters"]
    assert (letter["state"], letter["error"], letter["message"]) == ("waiting", "PermanentError", "out of order")
    assert (letter["service"], letter["original"]["topic"], letter["obstacle"]) == ("mending", "image", None)
    place = letter["place"]
    assert (place["topic"], f"mending/{place['partition']}/{place['offset']}") == ("mending.dlq", letter["id"])

    whole = desk.get(f"/{letter['id']}")
    assert (whole["value"]["json"]["new_file"], whole["key"]["text"]) == ("a.png", "a")
    assert "ce_id" in dict(whole["headers"])
    assert not [name for name, _ in whole["headers"] if name.startswith("dlq-")]

    desk.works = True
    assert desk.outcomes("replay", ids=[letter["id"]]) == {letter["id"]: "replayed"}
    desk.work()
    assert desk.outcomes("replay", ids=[letter["id"]]) == {letter["id"]: "replayed-before"}
    assert [event.operation for event in desk.broker.events("notification")] == ["mend"]
    assert desk.states() == {letter["id"]: "replayed"}


def test_one_that_fails_again_says_so(desk: Desk) -> None:
    desk.come("a.png")
    (first,) = desk.states()
    desk.post("replay", ids=[first])
    desk.work()
    states = desk.states()
    (again,) = states.keys() - {first}
    assert (states[first], states[again]) == ("failed-again", "waiting")
    history = desk.get(f"/{again}")["history"]
    assert [(one["id"], one["replay_of"], one["replays"]) for one in history] == [(first, None, 0), (again, first, 1)]
    assert [one["id"] for one in desk.get(f"/{first}")["history"]] == [first, again]


def test_all_of_a_reason_are_replayed_and_others_stay(desk: Desk) -> None:
    desk.come("a.png", "b.png")
    odd = desk.broker.append("image", b"no json", b"c")
    desk.work()
    states = desk.states()
    assert len(states) == 3
    assert len(desk.states("?reason=PermanentError")) == 2
    assert desk.states("?service=rotate-worker") == {}
    assert desk.states(f"?since={10**14}") == {}
    done = desk.outcomes("replay", service="mending", reason="PermanentError")
    assert sorted(done.values()) == ["replayed", "replayed"]
    left = [one for one in desk.get()["letters"] if one["state"] == "waiting"]
    assert [one["original"]["offset"] for one in left] == [odd.offset]
    assert desk.outcomes("drop", ids=[left[0]["id"]]) == {left[0]["id"]: "dropped"}
    assert desk.outcomes("drop", reason="Undecodable") == {}


def test_what_cannot_be_replayed_says_why(desk: Desk) -> None:
    desk.broker.append("mending.dlq", b"x", b"k", [], partition=0)
    (letter,) = desk.get()["letters"]
    sentence = "mending/0/0 cannot be replayed: its headers do not tell where the original was."
    assert letter["obstacle"] == sentence
    (line,) = desk.post("replay", ids=[letter["id"]])
    assert (line["refused"], line["detail"]) == (True, sentence)
    missing = desk.client.get(f"{LETTERS}/mending/0/9?lang=pt-BR")
    assert (missing.status_code, missing.get_json()["detail"]) == (404, "mending/0/9: não há tal mensagem morta.")
    (line,) = desk.post("drop", ids=["mending/0/9"])
    assert (line["refused"], line["outcome"]) == (True, "missing")


def test_two_who_press_at_once_replay_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second begins when what the first has published is in the log."""
    desk.come("a.png")
    (id,) = desk.states()
    both_publish, producer = threading.Barrier(2), desk.broker.producer

    def waiting_for_the_other() -> Any:
        sender: Any = producer()
        publish = sender.publish

        def published(records: Any) -> Any:
            with suppress(threading.BrokenBarrierError):
                both_publish.wait(0.5 if records else 0)
            return publish(records)

        sender.publish = published
        return sender

    monkeypatch.setattr(desk.broker, "producer", waiting_for_the_other)
    said: list[dict[str, str]] = []
    threads = [threading.Thread(target=lambda: said.append(desk.outcomes("replay", ids=[id]))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one[id] for one in said) == ["replayed", "replayed-before"]
    assert desk.replays() == 1


def test_who_leaves_in_the_middle_leaves_the_turn_to_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bus.dead_letters.handling.MAX_BATCH_RECORDS", 1)
    monkeypatch.setattr(module, "TURN_WITHIN_SECONDS", 0.01)
    desk.come("a.png", "b.png", "c.png")
    answer = desk.client.post(f"{LETTERS}/replay", json={"service": "mending"}, buffered=False)
    assert json.loads(next(iter(answer.response)))["outcome"] == "replayed"
    (line,) = desk.post("replay", service="mending")
    assert "try again" in line["problem"]
    answer.close()
    assert sorted(desk.outcomes("replay", service="mending").values()) == ["replayed", "replayed"]
    assert desk.replays() == 3


def test_a_process_that_ends_stops_between_two(desk: Desk) -> None:
    desk.come("a.png", "b.png")
    desk.letters.stop()
    first, second = desk.post("replay", service="mending")
    assert (first["outcome"], "restarting" in second["problem"]) == ("replayed", True)


def test_a_broker_that_is_away_is_one_sentence(desk: Desk) -> None:
    desk.broker.away = True
    assert "Kafka" in desk.get("", 503)["detail"]
    assert "Kafka" in desk.get("/mending/0/0", 503)["detail"]
    (line,) = desk.post("replay", reason="x")
    assert "Kafka" in line["problem"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "either ids, or service"),
        ({"ids": ["mending/0/0"], "reason": "x"}, "either ids, or service"),
        ({"all": True}, "either ids, or service"),
        ({"service": None, "reason": None}, "either ids, or service"),
        ({"service": "no*name"}, "letters, digits"),
        ({"ids": ["no*name/0/0"]}, "SERVICE/PARTITION/OFFSET"),
        ({"ids": []}, "1 to 1000"),
        ({"ids": ["mending"]}, "SERVICE/PARTITION/OFFSET"),
        ({"ids": [1]}, "SERVICE/PARTITION/OFFSET"),
        ({"reason": ""}, "reason is a text"),
        ({"reason": ["x"]}, "reason is a text"),
        ({"since": "soon"}, "milliseconds"),
        ({"since": "9" * 5_000}, "milliseconds"),
        ([], "either ids, or service"),
    ],
)
def test_nothing_is_done_by_leaving_something_out(desk: Desk, body: Any, words: str) -> None:
    desk.come("a.png")
    answer = desk.client.post(f"{LETTERS}/replay", json=body)
    assert (answer.status_code, words in answer.get_json()["detail"]) == (422, True), answer.data
    assert desk.replays() == 0


def test_other_sites_and_strangers_replay_nothing(desk: Desk) -> None:
    desk.come("a.png")
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = desk.client.post(f"{LETTERS}/replay", json={"service": "mending"}, headers=headers)
        assert answer.status_code == 403
    form = desk.client.post(f"{LETTERS}/replay", data='{"service": "mending"}', content_type="text/plain")
    assert form.status_code == 415
    there = desk.serve(Access(False, AttendantAuth(TOKEN, "/live")))
    for path in (LETTERS, f"{LETTERS}/mending/0/0"):
        assert there.get(path).status_code == 403
    for action in ("replay", "drop"):
        assert there.post(f"{LETTERS}/{action}", json={"service": "mending"}).status_code == 403
    assert desk.replays() == 0
    login = {"Authorization": f"Bearer {TOKEN}"}
    assert there.post(f"{LETTERS}/replay", json={"service": "mending"}, headers=login).status_code == 200
    assert desk.replays() == 1


def test_what_waits_is_counted_after_something_has_changed(desk: Desk) -> None:
    desk.come("a.png", "b.png")
    ends: dict[tuple[str, int], int] = {}
    state = ClusterState(desk.letters.names, lambda: ends)
    count = Count(desk.broker, state, lambda: True)

    def look() -> Any:
        topics = ("mending.dlq", "mending.retry.image")
        for topic in topics:
            for number in range(2):
                ends[topic, number] = sum(one.partition == number for one in desk.broker.records(topic))
        state.topics_are(dict.fromkeys(topics, 2), dict.fromkeys(ends, 0))
        count.look()
        return state.graph()["dead_letters"]["mending"]

    assert state.dead_letter_services() == []
    assert look() == {"waiting": 2, "total": 2}
    assert state.dead_letter_services() == ["mending"]
    id = next(iter(desk.states()))
    desk.post("drop", ids=[id])
    assert look() == {"waiting": 1, "total": 2}
    read = desk.broker.bytes_read
    desk.come("c.png")
    assert look() == {"waiting": 2, "total": 3}
    assert desk.broker.bytes_read == read  # more dead letters tell nothing of what was done about others
