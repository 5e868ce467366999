"""Calls of a handler in threads, and how their results come back."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bus import PermanentError, RetryableError, State, Worker
from bus.executor import Executor, Result
from bus.handler import Outcome
from bus.lane import Delivery, Lane
from bus.state import StateStores
from events import Cause, ImageUploaded
from suite_fixtures import eventually
from test_lane import Record


class Reports:
    """What an executor has told: collected when it notifies."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.notified: list[Executor] = []

    def __call__(self, executor: Executor) -> None:
        self.notified.append(executor)

    def outcomes(self) -> dict[str, Any]:
        """By the name of the picture: the kind of the outcome, the error that ended the thread, or None."""
        if self.notified:
            self.results += self.notified[-1].collect()
        return {
            call[0].event.new_file: outcome.kind if isinstance(outcome, Outcome) else outcome  # type: ignore[union-attr]
            for call, outcome, _seconds in self.results
        }


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def started(function: Any, reports: Reports, **how: Any) -> Executor:
    handler = Worker("example").on("image", **how)(function)
    stores: dict[str, Any] = {}
    executor = Executor(handler, StateStores(lambda _number: stores), reports)  # type: ignore[arg-type,return-value]
    executor.start()
    return executor


def calls(*names: str) -> list[list[Delivery]]:
    """Calls with one picture each, all of one lane."""
    lane, made = Lane(), []
    for offset, name in enumerate(names):
        delivery = lane.take(Record(offset))
        assert delivery
        delivery.event, delivery.cause = ImageUploaded(new_file=name), Cause(name)
        delivery.start()
        made.append([delivery])
    return made


def test_cheap_calls_come_back_together(reports: Reports) -> None:
    def handle(upload: ImageUploaded) -> None:
        pass

    names = [f"p{number}" for number in range(200)]
    started(handle, reports).submit(calls(*names))
    eventually(lambda: reports.outcomes() == dict.fromkeys(names, "done"))
    assert len(reports.notified) < 100


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_slow_call_does_not_hide_those_that_are_done(
    reports: Reports, gate: threading.Event, concurrency: int
) -> None:
    def handle(upload: ImageUploaded) -> None:
        if upload.new_file == "slow":
            assert gate.wait(120)

    executor = started(handle, reports, concurrency=concurrency)
    executor.submit(calls("a", "b", "slow", "c"))
    done = {"a", "b"} | ({"c"} if concurrency == 2 else set())
    eventually(lambda: executor.oldest_call() < float("inf") and reports.outcomes().keys() == done)
    gate.set()
    eventually(lambda: reports.outcomes().keys() == {"a", "b", "slow", "c"})
    eventually(lambda: executor.oldest_call() == float("inf"))


def test_in_order_what_is_behind_a_failure_is_not_called(reports: Reports) -> None:
    called = []

    def handle(upload: ImageUploaded) -> None:
        called.append(upload.new_file)
        if upload.new_file == "bad":
            raise RetryableError("not yet")

    executor = started(handle, reports)
    executor.submit(calls("a", "bad", "b", "c"))
    eventually(lambda: reports.outcomes() == {"a": "done", "bad": "retryable", "b": None, "c": None})
    executor.submit(calls("other"))
    eventually(lambda: "other" in called)
    assert called == ["a", "bad", "other"]


def test_out_of_order_a_failure_holds_up_no_other(reports: Reports) -> None:
    def handle(upload: ImageUploaded) -> None:
        if upload.new_file == "bad":
            raise PermanentError("never")

    started(handle, reports, concurrency=2).submit(calls("a", "bad", "b"))
    eventually(lambda: reports.outcomes() == {"a": "done", "bad": "permanent", "b": "done"})


def test_what_a_partition_that_has_gone_left_is_not_called(reports: Reports) -> None:
    def handle(upload: ImageUploaded) -> None:
        raise AssertionError("it is another's")

    gone = calls("a")
    gone[0][0].lane.live = False
    started(handle, reports).submit(gone)
    eventually(lambda: reports.outcomes() == {"a": None})


def test_while_partitions_move_the_calls_that_run_end_and_no_other_begins(
    reports: Reports, gate: threading.Event
) -> None:
    called = []

    def handle(upload: ImageUploaded, state: State) -> None:
        called.append(upload.new_file)
        assert gate.wait(120)

    executor = started(handle, reports)
    executor.submit(calls("a", "b"))
    eventually(lambda: called)
    threading.Timer(0.2, gate.set).start()
    executor.finish_calls(30)
    assert executor.oldest_call() == float("inf")
    executor.submit(calls("late"))
    eventually(lambda: reports.outcomes() == {"a": "done", "b": None, "late": None})
    executor.resume()
    executor.submit(calls("c"))
    eventually(lambda: called == ["a", "c"])


def test_what_ends_a_thread_is_reported(reports: Reports) -> None:
    def handle(upload: ImageUploaded) -> None:
        raise SystemExit(78)

    started(handle, reports).submit(calls("a"))
    eventually(lambda: isinstance(reports.outcomes().get("a"), SystemExit))


def test_what_on_failure_answers_is_asked_for_where_no_attempt_is_left(reports: Reports) -> None:
    def handle(upload: ImageUploaded) -> None:
        raise AssertionError("it is not called again")

    exhausted = calls("a")
    exhausted[0][0].exhausted = KeyError("bug")
    started(handle, reports).submit(exhausted)
    eventually(lambda: reports.outcomes() == {"a": "permanent"})
