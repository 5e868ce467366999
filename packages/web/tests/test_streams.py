"""Server-sent events: the present state, then every change, in order, to every reader."""

import json
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pytest
from web import Hub, streams


@pytest.fixture(autouse=True)
def _quick_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)


def parsed(text: str) -> list[tuple[str, Any]]:
    """Events as a browser reads them: lines end with CR, LF or both, several data lines are one text."""
    events = []
    for block in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        if fields.get("data", [""]) != [""]:  # a ping has none
            events.append((fields["event"][0], json.loads("\n".join(fields["data"]))))
    return events


class Reader:
    """Someone who reads a stream."""

    def __init__(self, hub: Hub, present: Iterable[streams.Event] = (), channel: str = ""):
        self.response = hub.stream(lambda: present, channel)
        self._source: Any = self.response.response
        self._chunks: Iterator[str] = islice(self._source, 200)  # a stream that is silent for ten seconds has failed
        self.first = next(self._chunks)

    def read(self, number: int) -> list[tuple[str, Any]]:
        """The next events, pings passed over; fewer where the stream ends."""
        events: list[tuple[str, Any]] = []
        for chunk in self._chunks:
            events += parsed(chunk)
            if len(events) == number:
                break
        return events

    def rest(self) -> list[tuple[str, Any]]:
        return [event for chunk in self._chunks for event in parsed(chunk)]


def test_the_present_state_comes_first_then_what_is_sent_in_order() -> None:
    hub = Hub()
    reader = Reader(hub, [("image", {"id": "old"}), ("image", {"id": "older"})])
    for number in range(20):
        hub.send("image", number)
    assert reader.read(22) == [
        ("image", {"id": "old"}),
        ("image", {"id": "older"}),
        *[("image", number) for number in range(20)],
    ]


def test_what_is_sent_while_the_present_is_read_is_not_lost() -> None:
    hub = Hub()

    def present() -> Iterator[streams.Event]:
        hub.send("image", "meanwhile")
        yield "image", "present"

    reader = Reader(hub, present())
    assert reader.read(2) == [("image", "present"), ("image", "meanwhile")]


def test_every_stream_hears_everything() -> None:
    hub = Hub()
    readers = [Reader(hub) for _ in range(5)]
    hub.send("state", "a")
    hub.send("state", "b")
    assert [reader.read(2) for reader in readers] == [[("state", "a"), ("state", "b")]] * 5


def test_one_who_leaves_disturbs_nobody() -> None:
    hub = Hub()
    gone, here = Reader(hub), Reader(hub)
    gone.response.close()
    gone._source.close()
    hub.send("state", "a")
    assert here.read(1) == [("state", "a")]
    assert len(hub._queues) == 1


def test_a_slow_reader_is_ended_comes_back_and_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "BACKLOG", 10)
    hub = Hub()
    slow, quick = Reader(hub), Reader(hub)
    for number in range(30):
        hub.send("image", number)
        assert quick.read(1) == [("image", number)]
    assert slow.rest() == [("image", number) for number in range(1, 10)]
    again = Reader(hub, [("image", "state")])
    hub.send("image", 30)
    assert again.read(2) == [("image", "state"), ("image", 30)]
    assert quick.read(1) == [("image", 30)]


def test_close_ends_all_streams_at_once_those_to_come_too() -> None:
    hub = Hub()
    readers = [Reader(hub) for _ in range(3)]
    ended: list[list[tuple[str, Any]]] = []
    threads = [
        threading.Thread(target=lambda reader=reader: ended.append(reader.rest()), daemon=True) for reader in readers
    ]
    for thread in threads:
        thread.start()
    hub.send("image", "last")
    hub.close()
    for thread in threads:
        thread.join(5)
    assert ended == [[("image", "last")]] * 3
    assert Reader(hub, [("image", "state")]).rest() == [("image", "state")]


def test_a_silent_stream_is_kept_open_by_pings() -> None:
    hub = Hub()
    chunks = iter(hub.stream(list).response)
    assert next(chunks) == "retry: 2000\n\n"
    assert [next(chunks), next(chunks)] == ["event: ping\ndata:\n\n"] * 2
    hub.send("image", 1)
    assert parsed(str(next(chunks))) == [("image", 1)]


def test_a_stream_is_told_to_be_one_and_not_to_be_kept() -> None:
    response = Hub().stream(list)
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize(
    "text", ["two\nlines", "two\r\nlines", "cr\rlf", "\n\nevent: forged\ndata: 1\n\n", "Olá, 😀 ação", "\u2028\u2029\0"]
)
def test_data_arrives_as_it_was_whatever_is_in_it(text: str) -> None:
    hub = Hub()
    reader = Reader(hub)
    hub.send("message", {"texto": text})
    hub.send("message", "next")
    assert reader.read(2) == [("message", {"texto": text}), ("message", "next")]


def test_non_ascii_goes_over_the_wire_readable() -> None:
    assert streams.written("message", "ação") == 'event: message\ndata: "ação"\n\n'


def test_a_stream_hears_its_own_channel_alone() -> None:
    hub = Hub()
    everybody, ana, rui = Reader(hub), Reader(hub, channel="ana"), Reader(hub, channel="rui")
    for channel in ("ana", "rui", "", "ana", "rui", ""):
        hub.send("message", f"for {channel}", channel)
    assert everybody.read(2) == [("message", "for ")] * 2
    assert ana.read(2) == [("message", "for ana")] * 2
    assert rui.read(2) == [("message", "for rui")] * 2
