"""What Prometheus reads of a process, on a port of its own (`METRICS_PORT`): the gateway leads nowhere near it.

What is counted are plain numbers, so that counting costs next to nothing; prometheus_client is only imported where a
port is set, and its families are made when someone asks.
"""

from __future__ import annotations

import os
import socket
import threading
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import Field

from .exits import refuse_to_start
from .settings import Settings

if TYPE_CHECKING:
    from prometheus_client.core import HistogramMetricFamily, Metric

BOUNDS_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds of the buckets of a histogram."""


class MetricsSettings(Settings):
    metrics_port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    metrics_address: str = "0.0.0.0"  # noqa: S104 - a container's, which publishes no such port


class Collector(Protocol):
    """Tells what was counted, each time that it is asked; from any thread."""

    def collect(self) -> Iterable[Metric]: ...


class Durations:
    """How long things took, as a histogram. For one thread to write, and any to read."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self._sum += seconds

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        """Add what was counted to a family of Prometheus, under the values of its labels."""
        bounds = [*map(str, BOUNDS_SECONDS), "+Inf"]
        family.add_metric(labels, list(zip(bounds, accumulate(self._counts), strict=True)), self._sum)


def listen() -> socket.socket | None:
    """A socket on METRICS_PORT for `serve`; None where that is not set.

    Exits (78) with one sentence where the setting is wrong, or the port is in use.
    """
    settings = MetricsSettings.load()
    if settings.metrics_port is None:
        return None
    address = (settings.metrics_address, settings.metrics_port)
    try:
        family = socket.AF_INET6 if ":" in settings.metrics_address else socket.AF_INET
        return socket.create_server(address, family=family, backlog=16)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        refuse_to_start(f"wrong setting: METRICS_PORT: {address[0]}:{address[1]} cannot be listened on: {reason}")


def serve(listener: socket.socket, collectors: Iterable[Collector]) -> None:
    """Answer on `listener` with what the collectors tell, in a thread, until the process ends."""
    from http.server import ThreadingHTTPServer  # noqa: PLC0415 - like the next: not where nobody asks

    from prometheus_client import CollectorRegistry, MetricsHandler, ProcessCollector  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    for collector in collectors:
        registry.register(collector)
    # A socket of this process, made anew: gevent's belongs to the event loop of the process that has made it.
    own = socket.socket(listener.family, listener.type, fileno=listener.detach())
    server = ThreadingHTTPServer(own.getsockname()[:2], MetricsHandler.factory(registry), bind_and_activate=False)
    server.socket.close()
    server.socket = own
    threading.Thread(target=server.serve_forever, daemon=True, name="metrics").start()
