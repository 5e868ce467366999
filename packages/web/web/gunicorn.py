"""What every gunicorn of the suite is told; a service's own `gunicorn_conf` imports all of it.

gevent: an open event stream costs a greenlet, not a thread, so one worker holds thousands.
"""

import os
import signal
import sys
from typing import Any

import gevent
from gevent import monkey

from .ending import wished_status

monkey.patch_all()  # before anything else is imported, so that all of it waits cooperatively

bind = os.environ.get("BIND", "0.0.0.0:8000")
worker_class = "gevent"
workers = 1
worker_connections = 5_000
graceful_timeout = 5
keepalive = 75
timeout = 60
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - memory: a slow disk is no hang
control_socket_disable = True
forwarded_allow_ips = "*"
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    """End the event streams as soon as SIGTERM comes: gunicorn would wait for them, and they never end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        _before(number, worker.wsgi.close)


def on_exit(_server: Any) -> None:
    """End the master with the status that a worker has wished for; that of SIGTERM is 0."""
    if status := wished_status():
        sys.exit(status)


def _before(number: int, call: Any) -> None:
    usual: Any = signal.getsignal(number)

    def handler(*arguments: Any) -> None:
        gevent.spawn(call)  # a signal may come while any lock is held
        usual(*arguments)

    signal.signal(number, handler)
