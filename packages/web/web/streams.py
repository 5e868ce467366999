"""Server-sent events (WHATWG HTML, 9.2): one queue for each open stream, none may hold up the others."""

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Response

PING_SECONDS = 15.0
PING = "event: ping\ndata:\n\n"
"""Says that the stream lives: an event, as scripts see no comments; without data, as there is nothing to tell."""
BACKLOG = 1_000
"""Events that may wait for a slow reader; past that its stream ends, and it comes back for the present state."""

Event = tuple[str, Any]
"""The event's name, and its data (JSON)."""


class Hub:
    """Hands every event to the open streams of this process that follow its channel; without one, to those without."""

    def __init__(self) -> None:
        self._queues: dict[queue.Queue[Event | None], str] = {}
        self._lock = threading.Lock()
        self._closed = False

    def send(self, name: str, data: Any, channel: str = "") -> None:
        with self._lock:
            queues = [events for events, followed in self._queues.items() if followed == channel]
        for events in queues:
            try:
                events.put_nowait((name, data))
            except queue.Full:
                self._end(events)

    def close(self) -> None:
        """End all streams, those to come too: the process is about to stop."""
        self._closed = True
        with self._lock:
            queues = list(self._queues)
        for events in queues:
            self._end(events)

    def stream(self, present: Callable[[], Iterable[Event]], channel: str = "") -> Response:
        """A response that begins with the events of the `present` state and goes on with what is sent from now on."""
        return Response(
            self._written(present, channel),
            mimetype="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    def _written(self, present: Callable[[], Iterable[Event]], channel: str) -> Iterator[str]:
        events: queue.Queue[Event | None] = queue.Queue(BACKLOG)
        with self._lock:
            # Before the state is read: what comes in between is told twice, never not at all.
            self._queues[events] = channel
        try:
            yield "retry: 2000\n\n"
            for name, data in present():
                yield written(name, data)
            while not self._closed:
                try:
                    event = events.get(timeout=PING_SECONDS)
                except queue.Empty:
                    yield PING
                    continue
                if event is None:
                    return
                yield written(*event)
        finally:
            with self._lock:
                self._queues.pop(events, None)

    def _end(self, events: "queue.Queue[Event | None]") -> None:
        with self._lock:
            self._queues.pop(events, None)
        while True:
            try:
                events.put_nowait(None)
                return
            except queue.Full:
                events.get_nowait()


def written(name: str, data: Any) -> str:
    """One event as it goes over the wire."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
