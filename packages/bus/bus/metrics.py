"""What a worker counts, and how Prometheus is told of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sandbox import ChildDied, ChildFailed
from service.metrics import Durations

if TYPE_CHECKING:
    from prometheus_client.core import Metric


@dataclass(slots=True)
class Outcomes:
    """What became of the records of a topic: numbers, not a dictionary, as each record pays for it."""

    answered: int = 0
    retried: int = 0
    dead_letter: int = 0
    held_back: int = 0
    """Those that wait, as dead letters come one after another."""
    passed_over: int = 0
    """Replays that were dropped, or are for another group."""


class Metrics:
    """Counts what the runtime does. For its loop alone to write; topics are named as on the cluster."""

    def __init__(self, topics: Mapping[str, str] | None = None) -> None:
        """`topics`: the suite's name of each topic on the cluster."""
        self.topics = topics or {}
        self.taken: Counter[str] = Counter()
        self.outcomes = {called: Outcomes() for called in self.topics}
        self.durations: dict[str, Durations] = defaultdict(Durations)
        self.failed_children: Counter[tuple[str, str]] = Counter()
        self.not_published: Counter[str] = Counter()
        self.commits = self.failed_commits = self.rebalances = 0
        self.beat_at = 0.0
        """When the worker last proved that it makes progress; seconds since 1970."""

    def child_failed(self, handler: str, error: ChildFailed) -> None:
        """A call ended with its child process."""
        died = "killed" if isinstance(error, ChildDied) and error.killed else "died"
        self.failed_children[handler, died if isinstance(error, ChildDied) else "timed_out"] += 1


class Partition(NamedTuple):
    """How far a partition is that this worker has."""

    topic: str
    number: int
    lag: int | None
    """Records up to its end, as the last fetch told it, that are not done."""
    in_hand: int
    paused: bool
    """Whether dead letters have come one after another."""


class Snapshot(NamedTuple):
    """How a worker is at this moment."""

    partitions: list[Partition]
    children: dict[str, int]
    """How many child processes each handler has that uses them."""


class Watched(Protocol):
    """The runtime, as far as Prometheus is told of it (runtime.py)."""

    metrics: Metrics

    def snapshot(self) -> Snapshot | None: ...


class WorkerCollector:
    """Tells Prometheus what a runtime has counted, and how it is."""

    def __init__(self, runtime: Watched):
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        yield from self._counted(self._runtime.metrics)
        if snapshot := self._runtime.snapshot():
            yield from _told(snapshot)

    def _counted(self, metrics: Metrics) -> Iterator[Metric]:
        from prometheus_client.core import (  # noqa: PLC0415 - see service/metrics.py
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        # Copies, since the loop goes on counting meanwhile.
        taken = CounterMetricFamily("suite_records_taken", "Records taken from the broker.", labels=["topic"])
        for called, topic in metrics.topics.items():
            taken.add_metric([topic], metrics.taken[called])
        yield taken
        outcomes = CounterMetricFamily(
            "suite_record_outcomes",
            "What became of records, each time that it was decided.",
            labels=["topic", "outcome"],
        )
        for called, topic in metrics.topics.items():
            for outcome, number in asdict(metrics.outcomes[called]).items():
                outcomes.add_metric([topic, outcome], number)
        yield outcomes
        durations = HistogramMetricFamily(
            "suite_handler_duration_seconds", "How long calls of a handler took.", labels=["handler"]
        )
        for handler, one in metrics.durations.copy().items():
            one.add_to(durations, [handler])
        yield durations
        failed = CounterMetricFamily(
            "suite_child_failures", "Calls that ended with their child process.", labels=["handler", "reason"]
        )
        for labels, number in metrics.failed_children.copy().items():
            failed.add_metric([*labels], number)
        yield failed
        commits = CounterMetricFamily("suite_commits", "Requests to commit offsets.", labels=["result"])
        commits.add_metric(["done"], metrics.commits)
        commits.add_metric(["failed"], metrics.failed_commits)
        yield commits
        errors = CounterMetricFamily(
            "suite_publish_errors", "Answers that the broker did not take at one attempt.", labels=["error"]
        )
        for error, number in metrics.not_published.copy().items():
            errors.add_metric([error], number)
        yield errors
        yield CounterMetricFamily(
            "suite_rebalances", "How often this worker was assigned partitions.", value=metrics.rebalances
        )
        yield GaugeMetricFamily(
            "suite_heartbeat_timestamp_seconds",
            "When the worker last proved that it makes progress.",
            value=metrics.beat_at,
        )


def _told(snapshot: Snapshot) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see service/metrics.py

    labels = ["topic", "partition"]
    lag = GaugeMetricFamily("suite_lag_records", "Records of a partition that are not done.", labels=labels)
    in_hand = GaugeMetricFamily("suite_in_hand_records", "Records that were taken and are not done.", labels=labels)
    paused = GaugeMetricFamily("suite_partition_paused", "1 where dead letters came one after another.", labels=labels)
    for one in snapshot.partitions:
        place = [one.topic, str(one.number)]
        if one.lag is not None:
            lag.add_metric(place, one.lag)
        in_hand.add_metric(place, one.in_hand)
        paused.add_metric(place, one.paused)
    yield from (lag, in_hand, paused)
    children = GaugeMetricFamily("suite_child_processes", "Child processes that run.", labels=["handler"])
    for handler, number in snapshot.children.items():
        children.add_metric([handler], number)
    yield children
