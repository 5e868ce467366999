"""The whole service on the embedded broker."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from bus import KafkaSettings
from bus.clients import connect_admin, connect_consumer
from bus.producer import Outgoing, Producer
from bus.topics import ensure
from events import Cause, ImageUploaded
from events.catalogue import all_topics
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata
from observer.access import Access
from observer.app import make_app
from observer.observatory import Observatory
from suite_fixtures import eventually, free_port
from web import WebApp

pytestmark = pytest.mark.broker

SECONDS = 90.0


@dataclass
class Live:
    """The running service, what its stream has said, and a producer."""

    app: WebApp
    settings: KafkaSettings
    producer: Producer
    said: list[tuple[str, Any]] = field(default_factory=list)

    def get(self, path: str, status: int = 200) -> Any:
        answer = self.app.test_client().get(f"/live{path}")
        assert answer.status_code == status, answer.data
        return answer.get_json()

    def listen(self) -> None:
        """Follow the event stream from now on."""
        response = self.app.test_client().get("/live/events")

        def read() -> None:
            for part in response.response:
                name, _, data = (part if isinstance(part, str) else part.decode()).partition("\n")
                if name.startswith("event: ") and data.strip() != "data:":
                    self.said.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))

        threading.Thread(target=read, daemon=True).start()
        self.eventually(lambda: any(name == "graph" for name, _ in self.said))

    def heard(self, event: str) -> list[Any]:
        """What the stream has said in events of that name, their lists joined."""
        return [one for name, data in list(self.said) if name == event for one in data]

    def eventually(self, check: Callable[[], Any]) -> Any:
        return eventually(check, SECONDS, every=0.1)

    def publish(self, topic: str, event: Any, source: str, cause: Cause | None = None) -> tuple[Any, Cause]:
        """Returns where it is, and itself as a cause."""
        record = Outgoing.of(topic, event.encoded(), source, cause)
        (place,) = self.producer.publish([record])
        return place, Cause.of(topic, place.partition, place.offset, record.headers)

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        with connect_consumer(self.settings, group_id=group) as consumer:
            there = TopicPartition(self.settings.topic(topic), partition)
            consumer.assign([there])
            consumer.commit({there: OffsetAndMetadata(offset, "", -1)})

    def group(self, name: str) -> Any:
        return next((group for group in self.get("/api/graph")["groups"] if group["name"] == name), None)


def _fail(status: int) -> None:
    raise AssertionError(f"the service ends with {status}")


@pytest.fixture
def live(kafka_env: dict[str, str]) -> Iterator[Live]:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, all_topics())
    observatory, producer = Observatory(settings, _fail), Producer(settings)
    observatory.start()
    live = Live(make_app(observatory, Access(True, None)), settings, producer)
    live.eventually(observatory.follower.caught_up.is_set)
    yield live
    observatory.hub.close()
    observatory.stop()
    observatory.browser.close()
    producer.close(timeout=5)


def test_an_event_is_seen_with_its_way_and_who_has_read_it(live: Live) -> None:
    live.listen()
    upload = ImageUploaded(new_file="abc.png", original_name="perfil.png")
    place, cause = live.publish("image", upload, "image-upload")
    answer, _ = live.publish("notification", upload.finished("rotate", "x.png"), "rotate-worker", cause)
    live.eventually(lambda: len(live.heard("records")) == 2)
    image, notification = sorted(live.heard("records"), key=lambda one: one["topic"])
    assert (image["topic"], image["partition"], image["offset"]) == place
    assert (image["source"], image["picture"], notification["picture"]) == ("image-upload", "abc", "abc")
    assert (notification["cause"], notification["trace"]) == (image["id"], image["trace"])

    live.eventually(lambda: live.group("rotate-worker")["lag"] == 1)
    live.eventually(lambda: live.group("rotate-worker")["oldest_seconds"] is not None)
    live.commit(live.settings.group("rotate-worker"), "image", place.partition, place.offset + 1)
    moved = {"group": "rotate-worker", "topic": "image", "partition": place.partition, "offset": place.offset + 1}
    live.eventually(lambda: moved in live.heard("read"))
    live.eventually(lambda: live.group("rotate-worker")["lag"] == 0)

    for topic, partition, offset in (place, answer):
        way = live.get(f"/api/ways/{topic}/{partition}/{offset}")
        assert [(step["topic"], step["parent"]) for step in way["steps"]] == [("image", None), ("notification", 0)]
        assert (way["complete"], way["trace"]) == (True, image["trace"])
        first, second = way["steps"]
        assert first["value"]["json"]["original_name"] == "perfil.png"
        assert ["ce_causationid", image["id"]] in second["headers"]
        assert [one["group"] for one in first["read_by"]] == ["rotate-worker"]
        assert first["read_by"][0]["at"] >= first["at"]
        assert second["read_by"] == []
    assert [one["topic"] for one in live.get("/api/recent?picture=abc")["records"]] == ["image", "notification"]
    assert live.get("/api/recent?session=abc") == {"records": []}


def test_a_foreign_topic_and_a_foreign_group_appear(live: Live) -> None:
    live.listen()
    name = live.settings.topic("vendas")
    with connect_admin(live.settings) as admin:
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1}})
    (place,) = live.producer.publish([Outgoing("vendas", b"\xff", b"\x00\x01", [("a", b"\xff")])])
    live.commit(live.settings.kafka_group_prefix + "console", "vendas", 0, 1)

    def seen() -> Any:
        graph = live.get("/api/graph")
        topic = next((one for one in graph["topics"] if one["name"] == name), None)
        group = next((one for one in graph["groups"] if one["name"].endswith("console")), None)
        return topic and topic["records"] == 1 and group and (topic, group)

    topic, group = live.eventually(seen)
    assert (topic["kind"], topic["partitions"], group["service"], group["lag"]) == ("foreign", 1, None, 0)
    (shown,) = live.eventually(lambda: [one for one in live.heard("records") if one["topic"] == name])
    assert shown["id"] == f"{name}/0/{place.offset}"
    (record,) = live.get(f"/api/topics/{name}/records")["records"]
    assert (record["value"], record["headers"]) == ({"hex": "00 01", "bytes": 2, "cut": False}, [["a", "0xff"]])


def test_records_are_read_by_offset_by_time_and_from_the_end(live: Live) -> None:
    places = live.producer.publish(
        Outgoing("image", None, b'{"n": %d}' % n, [], partition=1, timestamp_ms=1_700_000_000_000 + n)
        for n in range(30)
    )
    first = places[0].offset

    def numbers(query: str) -> list[int]:
        records = live.get(f"/api/topics/image/records?{query}")["records"]
        return [record["value"]["json"]["n"] for record in records]

    live.eventually(lambda: numbers("latest=1") == [29])
    assert numbers("latest=3") == [27, 28, 29]
    assert numbers(f"partition=1&offset={first + 5}&limit=2") == [5, 6]
    assert numbers("at=1700000000010&limit=2") == [10, 11]
    assert numbers("partition=0") == []
    assert numbers("at=1700000099999") == []
    held = live.get("/api/topics/image/records?partition=1&latest=1")
    assert (held["begin"], held["end"]) == (first, first + 30)
    listed = {one["name"]: one for one in live.get("/api/topics")["topics"]}
    assert len(listed["image"]["partitions"]) == 2
    assert listed["notifier.memory"]["records"] is None


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/api/topics/nowhere/records", 404, "nowhere"),
        ("/api/topics/image/records?partition=x", 422, "0"),
        ("/api/topics/image/records?partition=99", 404, "0 to 1"),
        ("/api/topics/image/records?offset=0", 422, "partition"),
        ("/api/topics/image/records?partition=0&offset=-1", 422, "number"),
        ("/api/topics/image/records?partition=0&offset=0", 404, "no records"),
        ("/api/topics/image/records?limit=101", 422, "1 to 100"),
        ("/api/topics/image/records?at=1&latest=1", 422, "Only one"),
        ("/api/ways/image/0/7", 404, "no records"),
        ("/api/ways/nowhere/0/0", 404, "nowhere"),
        ("/api/recent?limit=x", 422, "1 to 1000"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(live: Live, path: str, status: int, words: str) -> None:
    assert words in live.get(path, status)["detail"]


def test_a_broker_that_is_away_is_said_and_the_page_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    observatory = Observatory(KafkaSettings(), os._exit)
    observatory.start()
    client = make_app(observatory, Access(True, None)).test_client()
    try:
        graph = client.get("/live/api/graph").get_json()
        assert graph["broker"] == {"up": False}
        assert {service["state"] for service in graph["services"] if service["name"] != "observer"} == {"unknown"}
        assert {group["lag"] for group in graph["groups"]} == {None}
        assert client.get("/live/").status_code == 200
        assert client.get("/live/readyz").status_code == 503
    finally:
        observatory.stop()
