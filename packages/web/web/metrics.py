"""Counts requests and open event streams, and tells Prometheus of them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flask import Flask, Response, g, request
from service.metrics import Durations

if TYPE_CHECKING:
    from prometheus_client.core import Metric

NO_ROUTE = "none"
"""What stands for all addresses that there are not: whoever asks for many must not fill the memory."""


class RequestMetrics:
    """Counts by route, not by address. An event stream counts as answered when it begins."""

    def __init__(self) -> None:
        self._answered: Counter[tuple[str, str, str]] = Counter()
        self._durations: dict[tuple[str, str], Durations] = defaultdict(Durations)
        self._open_streams = 0

    def install(self, app: Flask) -> None:
        """Count the requests of `app`. To be called first, so that what others do before and after counts too."""
        app.before_request(self._begin)
        app.after_request(self._end)

    def _begin(self) -> None:
        g.began = time.monotonic()

    def _end(self, response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else NO_ROUTE
        method = request.method if request.url_rule else NO_ROUTE
        self._answered[method, route, str(response.status_code)] += 1
        self._durations[method, route].add(time.monotonic() - g.began)
        if response.mimetype == "text/event-stream":
            self._open_streams += 1
            response.call_on_close(self._stream_ended)
        return response

    def _stream_ended(self) -> None:
        self._open_streams -= 1

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import (  # noqa: PLC0415 - see service/metrics.py
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        answered = CounterMetricFamily(
            "suite_http_requests", "Requests that were answered.", labels=["method", "route", "status"]
        )
        for labels, number in self._answered.copy().items():
            answered.add_metric([*labels], number)
        yield answered
        durations = HistogramMetricFamily(
            "suite_http_request_duration_seconds", "How long answers took.", labels=["method", "route"]
        )
        for (method, route), one in self._durations.copy().items():
            one.add_to(durations, [method, route])
        yield durations
        yield GaugeMetricFamily("suite_event_streams", "Event streams that are open.", value=self._open_streams)
