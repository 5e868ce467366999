"""The live page of the bus: events on their way, who has read them, and where the root leads."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import requests
from events.services import OPERATIONS
from sample_pictures import encoded, quarters
from suite_fixtures import Suite, eventually

SECONDS = 90.0
WORKERS = {service.name for service in OPERATIONS.values()}


def stream_of(suite: Suite) -> Iterator[tuple[str, Any]]:
    """The events of the stream, without its pings."""
    with requests.get(f"{suite.url}/live/events", stream=True, timeout=SECONDS) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        name = ""
        for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data" and value:
                yield name, json.loads(value)


def test_the_root_leads_to_the_live_page_and_the_start_page_stays(suite: Suite) -> None:
    answer = requests.get(f"{suite.url}/?lang=en", allow_redirects=False, timeout=30)
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("/live/?lang=en")
    assert suite.get("/").ok
    assert 'id="front"' in suite.get("/index.html").text


def test_the_way_of_a_picture_reaches_its_notifications_and_mails(suite: Suite) -> None:
    stream = stream_of(suite)
    assert next(name for name, _data in stream) == "graph"
    address = f"ana-{uuid.uuid4().hex[:8]}@example.org"
    (image,) = suite.upload(("perfil.png", encoded(quarters(), "PNG")), email=address, lang="en")
    shown = next(
        one for name, data in stream if name == "records" for one in data if one["picture"] == image["id"]
    )  # fmt: skip
    assert (shown["topic"], shown["source"], shown["type"]) == ("image", "image-upload", "image.uploaded")

    def whole() -> Any:
        way = suite.get(f"/live/api/ways/image/{shown['partition']}/{shown['offset']}").json()
        topics = [step["topic"] for step in way["steps"]]
        readers = {one["group"] for one in way["read_by"]}
        done = topics.count("notification") == len(WORKERS) == topics.count("notifier.email")
        return way if done and readers >= WORKERS else None

    way = eventually(whole, SECONDS, every=0.5)
    steps = way["steps"]
    assert way["complete"]
    assert steps[0]["value"]["json"]["new_file"] == image["new_file"]
    answers = [step for step in steps if step["topic"] == "notification"]
    assert {step["source"] for step in answers} == WORKERS
    assert {step["parent"] for step in answers} == {0}
    for mail in (step for step in steps if step["topic"] == "notifier.email"):
        assert steps[mail["parent"]]["topic"] == "notification"
        assert mail["value"]["json"]["address"] == address
        assert mail["took_ms"] >= 0


def test_the_graph_knows_every_service_and_who_is_up(suite: Suite) -> None:
    def look() -> Any:
        graph = suite.get("/live/api/graph").json()
        states = {service["name"]: service["state"] for service in graph["services"]}
        return graph if all(states[worker] == "up" for worker in WORKERS) else None

    graph = eventually(look, SECONDS, every=0.5)
    assert graph["broker"] == {"up": True}
    listed = suite.get("/services.json").json()
    assert [service["name"] for service in graph["services"]] == list(listed)
    topics = {topic["name"]: topic for topic in graph["topics"]}
    assert {"image", "notification", "chatbot", "rotate-worker.dlq"} <= topics.keys()
    assert not any(name.startswith("__") for name in topics)
    groups = {group["name"]: group for group in graph["groups"]}
    assert all(groups[worker]["members"] for worker in WORKERS)


def test_the_newest_records_of_a_topic_can_be_read(suite: Suite) -> None:
    (image,) = suite.upload(("perfil.png", encoded(quarters(), "PNG")))
    records = suite.get("/live/api/topics/image/records?latest=100").json()["records"]
    assert image["new_file"] in [(record["value"].get("json") or {}).get("new_file") for record in records]
    gone = suite.get("/live/api/topics/nowhere/records")
    assert (gone.status_code, gone.headers["Content-Type"]) == (404, "application/problem+json")
