"""Server-sent events: a snapshot of the state, then every change, in order, to every reader."""

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
    """Parse events as a browser does: lines end with CR, LF or both; several data lines make one text."""
    events = []
    for block in text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        fields: dict[str, list[str]] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
        if fields.get("data", [""]) != [""]:  # a ping has no data
            events.append((fields["event"][0], json.loads("\n".join(fields["data"]))))
    return events


class Reader:
    """A client that reads a stream."""

    def __init__(self, hub: Hub, snapshot: Iterable[streams.Event] = (), channel: str = ""):
        self.response = hub.stream(lambda: snapshot, channel)
        self._source: Any = self.response.response
        self._chunks: Iterator[str] = islice(self._source, 200)  # one ping each 50 ms: ten seconds
        self.first = next(self._chunks)

    def read(self, number: int) -> list[tuple[str, Any]]:
        """The next `number` events without pings; fewer if the stream ends first."""
        events: list[tuple[str, Any]] = []
        for chunk in self._chunks:
            events += parsed(chunk)
            if len(events) == number:
                break
        return events

    def rest(self) -> list[tuple[str, Any]]:
        return [event for chunk in self._chunks for event in parsed(chunk)]


def test_a_stream_sends_the_snapshot_then_new_events_in_order() -> None:
    hub = Hub()
    reader = Reader(hub, [("image", {"id": "old"}), ("image", {"id": "older"})])
    for number in range(20):
        hub.send("image", number)
    assert reader.read(22) == [
        ("image", {"id": "old"}),
        ("image", {"id": "older"}),
        *[("image", number) for number in range(20)],
    ]


def test_an_event_sent_during_the_snapshot_is_not_lost() -> None:
    hub = Hub()

    def snapshot() -> Iterator[streams.Event]:
        hub.send("image", "meanwhile")
        yield "image", "snapshot"

    reader = Reader(hub, snapshot())
    assert reader.read(2) == [("image", "snapshot"), ("image", "meanwhile")]


def test_every_stream_gets_every_event() -> None:
    hub = Hub()
    readers = [Reader(hub) for _ in range(5)]
    hub.send("state", "a")
    hub.send("state", "b")
    assert [reader.read(2) for reader in readers] == [[("state", "a"), ("state", "b")]] * 5


def test_an_event_is_encoded_once_for_all_and_not_at_all_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Any] = []
    encode = streams.encode
    monkeypatch.setattr(streams, "encode", lambda name, data: encoded.append(data) or encode(name, data))
    hub = Hub()
    hub.send("state", "to nobody")
    assert not hub.is_heard()
    readers = [Reader(hub) for _ in range(3)]
    assert hub.is_heard()
    assert not hub.is_heard("another channel")
    hub.send("state", "a")
    assert [reader.read(1) for reader in readers] == [[("state", "a")]] * 3
    assert encoded == ["a"]


def test_a_disconnected_reader_is_unsubscribed() -> None:
    hub = Hub()
    gone, here = Reader(hub), Reader(hub)
    gone.response.close()
    gone._source.close()
    hub.send("state", "a")
    assert here.read(1) == [("state", "a")]
    assert len(hub._queues) == 1


def test_a_slow_reader_is_disconnected_and_delays_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_QUEUED_EVENTS", 10)
    hub = Hub()
    slow, quick = Reader(hub), Reader(hub)
    for number in range(30):
        hub.send("image", number)
        assert quick.read(1) == [("image", number)]
    assert slow.rest() == [("image", number) for number in range(1, 10)]
    reconnected = Reader(hub, [("image", "state")])
    hub.send("image", 30)
    assert reconnected.read(2) == [("image", "state"), ("image", 30)]
    assert quick.read(1) == [("image", 30)]


def test_close_ends_all_streams_at_once_and_later_ones_after_the_snapshot() -> None:
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
        thread.join(60)
    assert ended == [[("image", "last")]] * 3
    assert Reader(hub, [("image", "state")]).rest() == [("image", "state")]


def test_an_idle_stream_sends_pings() -> None:
    hub = Hub()
    chunks = iter(hub.stream(list).response)
    assert next(chunks) == "retry: 2000\n\n"
    assert [next(chunks), next(chunks)] == ["event: ping\ndata:\n\n"] * 2
    hub.send("image", 1)
    assert parsed(str(next(chunks))) == [("image", 1)]


def test_a_stream_is_neither_cached_nor_buffered() -> None:
    response = Hub().stream(list)
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize(
    "text", ["two\nlines", "two\r\nlines", "cr\rlf", "\n\nevent: forged\ndata: 1\n\n", "Olá, 😀 ação", "\u2028\u2029\0"]
)
def test_data_round_trips_whatever_it_contains(text: str) -> None:
    hub = Hub()
    reader = Reader(hub)
    hub.send("message", {"texto": text})
    hub.send("message", "next")
    assert reader.read(2) == [("message", {"texto": text}), ("message", "next")]


def test_non_ascii_is_not_escaped() -> None:
    assert streams.encode("message", "ação") == 'event: message\ndata: "ação"\n\n'


def test_a_stream_gets_only_the_events_of_its_channel() -> None:
    hub = Hub()
    default, ana, rui = Reader(hub), Reader(hub, channel="ana"), Reader(hub, channel="rui")
    for channel in ("ana", "rui", "", "ana", "rui", ""):
        hub.send("message", f"for {channel}", channel)
    assert default.read(2) == [("message", "for ")] * 2
    assert ana.read(2) == [("message", "for ana")] * 2
    assert rui.read(2) == [("message", "for rui")] * 2
