"""The gunicorn configuration that all web services share; each service's `gunicorn_conf` imports it whole.

With gevent an open event stream costs a greenlet, not a thread, so one worker holds thousands.
"""

import os
import signal
import sys
from functools import partial
from typing import Any

import gevent
from gevent import monkey
from service import metrics

from .requests_in_flight import RequestsInFlight
from .service_exit import requested_exit_status

monkey.patch_all()  # before any other import, so that all blocking calls yield to other greenlets

bind = os.environ.get("BIND", "0.0.0.0:8000")
worker_class = "gevent"
workers = 1
worker_connections = 5_000
graceful_timeout = 7  # more than requests in flight get; then the master kills its workers
keepalive = 75
timeout = 60
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - in memory: a slow disk must not look like a hung worker
control_socket_disable = True
forwarded_allow_ips = "*"
loglevel = "warning"


_in_flight = RequestsInFlight()
_metrics: list[Any] = []
"""The socket of METRICS_PORT, if that is set: the master has it, so that a wrong port ends the service at its start."""


def on_starting(_server: Any) -> None:
    if listener := metrics.listen():
        _metrics.append(listener)


def post_worker_init(worker: Any) -> None:
    """Begin to stop as soon as SIGTERM arrives: gunicorn waits for open responses, and streams never end."""
    app = worker.wsgi
    worker.wsgi = _in_flight.wrapped(app)
    for listener in _metrics:
        metrics.serve(listener, app.collectors)
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        _call_before_handler(signum, partial(_in_flight.stop, app))


def pre_request(_worker: Any, request: Any) -> None:
    _in_flight.begin(request)


def post_request(_worker: Any, request: Any, environ: Any, _response: Any) -> None:
    _in_flight.end(request, environ)


def on_exit(_server: Any) -> None:
    """Exit the master with the status that a worker asked for; after a plain SIGTERM it is 0."""
    if status := requested_exit_status():
        sys.exit(status)


def _call_before_handler(signum: int, callback: Any) -> None:
    previous: Any = signal.getsignal(signum)

    def handler(*arguments: Any) -> None:
        gevent.spawn(callback)  # not called directly: the interrupted code may hold a lock that it needs
        previous(*arguments)

    signal.signal(signum, handler)
