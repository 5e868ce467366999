"""Tells Prometheus of groups and dead letters what the live page shows: also of groups that nobody is in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .cluster_state import ClusterState

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class ClusterCollector:
    """What is not known is left out."""

    def __init__(self, state: ClusterState):
        self._state = state

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see service/metrics.py

        graph = self._state.graph()
        yield GaugeMetricFamily("suite_broker_up", "1 where the broker answers.", value=graph["broker"]["up"])
        members = GaugeMetricFamily("suite_group_members", "Consumers in a group.", labels=["group"])
        lag = GaugeMetricFamily(
            "suite_group_lag_records", "Records of a topic that a group has not committed.", labels=["group", "topic"]
        )
        oldest = GaugeMetricFamily(
            "suite_group_oldest_record_age_seconds",
            "Age of the oldest record that waits.",
            labels=["group"],
        )
        for group in graph["groups"]:
            if group["members"] is not None:
                members.add_metric([group["name"]], group["members"])
            for topic, partitions in group["topics"].items():
                lags = [one["lag"] for one in partitions if one["lag"] is not None]
                if lags:
                    lag.add_metric([group["name"], topic], sum(lags))
            if group["lag"] is not None:
                oldest.add_metric([group["name"]], group["oldest_seconds"] or 0)
        yield from (members, lag, oldest)
        kept = GaugeMetricFamily("suite_dead_letters", "Dead letters that are kept.", labels=["group"])
        waiting = GaugeMetricFamily(
            "suite_dead_letters_waiting", "Dead letters about which nothing was done.", labels=["group"]
        )
        for service, letters in graph["dead_letters"].items():
            for family, number in ((kept, letters["total"]), (waiting, letters["waiting"])):
                if number is not None:
                    family.add_metric([service], number)
        yield from (kept, waiting)
