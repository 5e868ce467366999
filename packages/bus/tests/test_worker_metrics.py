"""What Prometheus is told of a worker, on the broker in memory."""

import time
from typing import Any

import pytest
from bus import PermanentError, RetryableError, Worker
from bus import runtime as runtime_module
from bus.metrics import Metrics, WorkerCollector
from bus.replay import Replay, replay_record
from bus.testing import Broker
from events import ImageUploaded, OperationFinished
from events.catalogue import retries_of
from kafka.errors import KafkaConnectionError
from sandbox import ChildDied, ChildFailed, ChildTimedOut
from suite_fixtures import eventually, scraped

failures = {"late": RetryableError("not yet"), "wrong": PermanentError("never")}


def worker(**how: Any) -> Worker:
    worker = Worker("example")

    @worker.on("image", publishes="notification", **how)
    def handle(upload: ImageUploaded) -> OperationFinished:
        if failure := failures.get(upload.new_file):
            if upload.new_file == "late":
                failures.pop("late", None)
            raise failure
        return upload.finished("example", "there")

    return worker


@pytest.fixture(autouse=True)
def _late_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(failures, "late", RetryableError("not yet"))


def told(runtime: Any) -> dict[tuple[str, ...], float]:
    """What a scrape finds: by name and the values of the labels."""
    return scraped(WorkerCollector(runtime))


def test_records_their_outcomes_and_what_is_left_are_told() -> None:
    broker, example = Broker(partitions=1), worker()
    broker.publish("image", *(ImageUploaded(new_file=name) for name in ("a", "late", "wrong", "b")))
    broker.append("image", b"no JSON")
    began = time.time()
    with broker.running(example) as runtime:
        broker.wait_until_handled(example)
        found = told(runtime)
    assert found["suite_records_taken_total", "image"] == 5
    assert found["suite_record_outcomes_total", "image", "answered"] == 3
    assert found["suite_record_outcomes_total", "image", "retried"] == 1
    assert found["suite_record_outcomes_total", "image", "dead_letter"] == 2
    assert found["suite_handler_duration_seconds_count", "handle"] == 5
    assert found["suite_commits_total", "done"] >= 1
    assert found["suite_rebalances_total",] == 1
    assert found["suite_lag_records", "image", "0"] == 0
    assert found["suite_in_hand_records", "image", "0"] == 0
    assert found["suite_heartbeat_timestamp_seconds",] >= began


def test_a_topic_has_the_name_that_the_suite_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "ana-")
    broker, example = Broker(partitions=1), worker()
    broker.publish("image", ImageUploaded(new_file="a"))
    with broker.running(example) as runtime:
        broker.wait_until_handled(example)
        found = told(runtime)
    assert found["suite_records_taken_total", "image"] == 1
    assert found["suite_lag_records", "image", "0"] == 0


def test_what_a_worker_has_not_done_is_its_lag_though_it_was_taken() -> None:
    broker, example = Broker(partitions=1), worker()
    broker.publish("image", *(ImageUploaded(new_file="wrong") for _ in range(3)))
    broker.holds_acknowledgements = True
    with broker.running(example) as runtime:
        eventually(lambda: told(runtime).get(("suite_in_hand_records", "image", "0")) == 3)
        assert told(runtime)["suite_lag_records", "image", "0"] == 3
        broker.holds_acknowledgements = False
        broker.acknowledge()
        eventually(lambda: told(runtime)["suite_lag_records", "image", "0"] == 0)


def test_a_partition_that_makes_nothing_but_dead_letters_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEAD_LETTERS_IN_A_ROW", "2")
    broker, example = Broker(partitions=1), worker()
    broker.publish("image", *(ImageUploaded(new_file="wrong") for _ in range(5)))
    with broker.running(example) as runtime:
        eventually(lambda: told(runtime).get(("suite_partition_paused", "image", "0")) == 1)
        found = told(runtime)
    assert found["suite_record_outcomes_total", "image", "dead_letter"] == 2
    assert found["suite_record_outcomes_total", "image", "held_back"] >= 1


def test_replays_for_another_group_are_told_apart() -> None:
    broker, example = Broker(partitions=1), worker()
    (place,) = broker.publish("image", ImageUploaded(new_file="a"))
    topic = retries_of("example", "image")
    for group in ("example", "another"):
        record = replay_record(topic, Replay("example/0/0", 1, group), broker.records("image")[place.offset])
        broker.append(topic, record.value, record.key, record.headers, 0)
    with broker.running(example) as runtime:
        broker.wait_until_handled(example)
        found = told(runtime)
    assert found["suite_record_outcomes_total", topic, "answered"] == 1
    assert found["suite_record_outcomes_total", topic, "passed_over"] == 1


def test_what_the_broker_does_not_take_is_told() -> None:
    broker, example = Broker(partitions=1), worker()
    refused = iter([KafkaConnectionError("away"), None])
    broker.refuse = lambda _record: next(refused, None)
    broker.publish("image", ImageUploaded(new_file="a"))
    with broker.running(example) as runtime:
        broker.wait_until_handled(example)
        assert told(runtime)["suite_publish_errors_total", "KafkaConnectionError"] == 1


def test_a_commit_that_fails_is_told() -> None:
    broker, example = Broker(partitions=1), worker()
    broker.publish("image", ImageUploaded(new_file="a"))
    runtime = broker.start(example)
    try:
        eventually(lambda: runtime.turn() or broker.records("notification"), every=0)  # type: ignore[func-returns-value]
        broker.away = True
        eventually(lambda: runtime.turn() or runtime.metrics.failed_commits, every=0)  # type: ignore[func-returns-value]
    finally:
        broker.away = False
        runtime.stop()


def test_child_processes_that_run_are_told() -> None:
    broker, example = Broker(partitions=1), worker(sandboxed=True)
    with broker.running(example) as runtime:
        found = told(runtime)
    assert found["suite_child_processes", "handle"] == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ChildDied("died", -11), "died"), (ChildDied("died", -9), "killed"), (ChildTimedOut("late"), "timed_out")],
)
def test_how_a_child_process_ended_is_told(error: ChildFailed, reason: str) -> None:
    metrics = Metrics()
    metrics.child_failed("handle", error)
    assert metrics.failed_children == {("handle", reason): 1}


def test_a_loop_that_does_not_turn_does_not_hold_up_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_module, "SNAPSHOT_WITHIN_SECONDS", 0.01)
    broker = Broker(partitions=1)
    runtime = broker.start(worker())
    try:
        names = {name for name, *_labels in told(runtime)}
    finally:
        runtime.stop()
    assert "suite_commits_total" in names
    assert "suite_lag_records" not in names
