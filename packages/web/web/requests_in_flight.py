"""The requests that a gunicorn worker has not answered yet: none ends with a cut connection.

gunicorn itself cuts what is not done when the process has to end, and waits for the rest of a body for ever.
"""

import socket
import sys
from contextlib import suppress
from typing import Any

import gevent
from gevent.event import Event
from werkzeug.exceptions import RequestTimeout

from .problems import Stopping

BODY_PAUSE_SECONDS = 60.0
"""How long a body may pause on its way; then the client gets 408."""
FINISH_SECONDS = 4.0
"""How long requests may go on once the process has to end; then their clients get 503."""
LINGER_SECONDS = 1.0
"""How long the rest of a body is read after such an answer: a close before would destroy the answer on its way."""


class RequestsInFlight:
    """Counts requests by gunicorn's hooks, and wraps the application between the server and itself."""

    def __init__(self) -> None:
        self._open: set[Any] = set()
        self._unanswered: dict[Any, Any] = {}
        """By greenlet, the requests that the application has."""
        self._idle = Event()
        self._idle.set()
        self._stopping = False

    def begin(self, request: Any) -> None:
        greenlet = gevent.getcurrent()
        self._open.add(greenlet)
        self._unanswered[greenlet] = request
        self._idle.clear()

    def end(self, request: Any, environ: Any) -> None:
        """Called after the response was sent. Waits for the rest of the body, if the connection will be closed."""
        body = getattr(request, "body", None)
        if (self._stopping or getattr(body, "failed", False)) and _is_unread(body) and "gunicorn.socket" in environ:
            _linger(environ["gunicorn.socket"])
        greenlet = gevent.getcurrent()
        self._unanswered.pop(greenlet, None)
        self._open.discard(greenlet)
        if not self._open:
            self._idle.set()

    def wrapped(self, app: Any) -> Any:
        """`app`, in whose requests `Stopping` and RequestTimeout may be raised."""

        def call(environ: Any, start_response: Any) -> Any:
            environ["wsgi.input"] = PatientBody(environ["wsgi.input"], environ["gunicorn.socket"])
            try:
                return app(environ, start_response)
            finally:
                self._unanswered.pop(gevent.getcurrent(), None)

        return call

    def stop(self, app: Any) -> None:
        """Finish what can be finished in time, answer the rest with 503, close `app`, and end the process."""
        if self._stopping:
            return
        self._stopping = True
        try:
            app.end_streams()
            if not self._idle.wait(FINISH_SECONDS):
                for greenlet in self._unanswered:
                    gevent.get_hub().loop.run_callback(self._interrupt, greenlet)
                self._idle.wait(2 * LINGER_SECONDS)
            app.close()
        finally:
            sys.exit()  # ends the main greenlet: gunicorn would wait for connections that only are kept open

    def _interrupt(self, greenlet: Any) -> None:
        if request := self._unanswered.pop(greenlet, None):
            request.force_close()
            greenlet.throw(Stopping())


class PatientBody:
    """A request's body. Reading raises RequestTimeout if nothing comes for BODY_PAUSE_SECONDS."""

    def __init__(self, body: Any, connection: socket.socket):
        self._body = body
        self._connection = connection

    def read(self, size: int | None = None) -> bytes:
        self._connection.settimeout(BODY_PAUSE_SECONDS)
        try:
            data: bytes = self._body.read(size)
            return data
        except TimeoutError:
            raise RequestTimeout from None
        finally:
            self._connection.settimeout(None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _is_unread(body: Any) -> bool:
    reader = getattr(body, "reader", None)
    return bool(getattr(reader, "length", 0) or getattr(reader, "parser", None))  # with Content-Length, or chunked


def _linger(connection: socket.socket) -> None:
    with gevent.Timeout(LINGER_SECONDS, False), suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
