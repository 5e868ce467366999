"""Records that have left their topic while their summaries are still held."""

from typing import Any

import pytest
from bus import KafkaSettings
from observer.access import Access
from observer.app import make_app
from observer.observatory import Observatory


class EmptyBroker:
    """A browser of a cluster that holds nothing any more."""

    def __init__(self) -> None:
        self.wanted: list[Any] = []

    def read(self, wanted: Any, _max_bytes: int) -> list[Any]:
        self.wanted.append(wanted)
        return []

    def bounds(self, _topic: str) -> dict[int, Any]:
        return {}


@pytest.fixture
def observatory() -> Observatory:
    observatory = Observatory(KafkaSettings(), end=lambda _status: None)
    observatory.browser = EmptyBroker()  # type: ignore[assignment]
    observatory.follower.caught_up.set()
    return observatory


def test_the_way_is_shown_and_says_what_is_gone(observatory: Observatory, fakes: Any) -> None:
    image = fakes.summary("image", 1, 1_000, id="a")
    answer = fakes.summary("notification", 4, 1_200, id="n", cause="a")
    observatory.ring.add([image, answer], {})
    client = make_app(observatory, Access(True, None)).test_client()
    way = client.get("/live/api/ways/notification/0/4").get_json()
    assert [(step["id"], step["gone"], step["value"], step["headers"]) for step in way["steps"]] == [
        ("a", True, None, None), ("n", True, None, None),
    ]  # fmt: skip
    assert way["complete"]
    assert client.get("/live/api/ways/notification/0/5").status_code == 404
    assert client.get(f"/live/api/ways/notification/0/{'9' * 4_000}").status_code == 404


def test_a_way_that_begins_before_what_is_held_is_not_complete(observatory: Observatory, fakes: Any) -> None:
    observatory.ring.add([fakes.summary("image", 7, 1_000)], {("image", 0): 7})
    client = make_app(observatory, Access(True, None)).test_client()
    assert client.get("/live/api/ways/image/0/7").get_json()["complete"]
    observatory.ring.add([fakes.summary("chatbot", 9, 5_000)], {("chatbot", 0): 9})
    assert not client.get("/live/api/ways/image/0/7").get_json()["complete"]
