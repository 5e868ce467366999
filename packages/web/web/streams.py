"""Server-sent events (WHATWG HTML, 9.2). Each open stream has a queue of its own, so a slow one delays no other."""

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response

PING_SECONDS = 15.0
PING = "event: ping\ndata:\n\n"
"""Keep-alive. It is an event with empty data, not a comment, because scripts do not see comments."""
MAX_QUEUED_EVENTS = 1_000
"""Backpressure: a stream whose reader is further behind ends; the browser reconnects and gets a new snapshot."""

Event = tuple[str, Any]
"""The event's name and its JSON-serialisable data."""


class Hub:
    """Delivers events to the open streams of this process. A stream gets the events of its own channel only.

    The default channel is "".
    """

    def __init__(self) -> None:
        self._queues: dict[queue.Queue[str | None], str] = {}
        self._lock = threading.Lock()
        self._closed = False

    def is_heard(self, channel: str = "") -> bool:
        """Whether a stream of `channel` is open."""
        with self._lock:
            return channel in self._queues.values()

    def send(self, name: str, data: Any, channel: str = "") -> None:
        """Queue an event for every stream of `channel`, encoded once for all of them. Never blocks."""
        with self._lock:
            queues = [events for events, subscribed in self._queues.items() if subscribed == channel]
        if not queues:
            return
        encoded = encode(name, data)
        for events in queues:
            try:
                events.put_nowait(encoded)
            except queue.Full:
                self._end_stream(events)

    def close(self) -> None:
        """End all open streams, and every later one after its snapshot: the process is about to stop."""
        self._closed = True
        with self._lock:
            queues = list(self._queues)
        for events in queues:
            self._end_stream(events)

    def stream(self, snapshot: Callable[[], Iterable[Event]], channel: str = "") -> Response:
        """A response that sends the events of `snapshot`, then every event sent to `channel` from now on."""
        return Response(
            self._generate(snapshot, channel),
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def _generate(self, snapshot: Callable[[], Iterable[Event]], channel: str) -> Iterator[str]:
        events: queue.Queue[str | None] = queue.Queue(MAX_QUEUED_EVENTS)
        with self._lock:
            # Subscribe before the snapshot: an event in between is sent twice rather than lost.
            self._queues[events] = channel
        try:
            yield "retry: 2000\n\n"
            for name, data in snapshot():
                yield encode(name, data)
            while not self._closed:
                try:
                    event = events.get(timeout=PING_SECONDS)
                except queue.Empty:
                    yield PING
                    continue
                if event is None:
                    return
                yield event
        finally:
            with self._lock:
                self._queues.pop(events, None)

    def _end_stream(self, events: "queue.Queue[str | None]") -> None:
        with self._lock:
            self._queues.pop(events, None)
        while True:
            try:
                events.put_nowait(None)
                return
            except queue.Full:
                events.get_nowait()


def encode(name: str, data: Any) -> str:
    """The wire format of one event."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
