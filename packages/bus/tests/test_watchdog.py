"""Whether there is progress: the heartbeat, and the end of a process that makes none."""

import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from bus import watchdog as module
from bus.metrics import Metrics
from bus.watchdog import STALLED_AFTER_SECONDS, STUCK_AFTER_SECONDS, Watchdog, stacks
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError
from service import EXIT_STALLED
from suite_fixtures import ROOT, eventually

HERE = TopicPartition("image", 0)


class Ended(Exception):
    pass


class Clock:
    now = 1_000.0

    def time(self) -> float:
        return 1_700_000_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Consumer:
    def __init__(self) -> None:
        self.error: Exception | None = None
        self.stands: dict[TopicPartition, int] = {}

    def behind(self, _partitions: Any) -> dict[TopicPartition, int]:
        if self.error:
            raise self.error
        return self.stands


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    error = lambda what, **details: told.append({"what": what} | details)  # noqa: E731
    monkeypatch.setattr(module, "log", SimpleNamespace(error=error))
    return told


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def heartbeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RUN_DIR", str(tmp_path))
    return tmp_path / "example.heartbeat"


@pytest.fixture
def watchdog(consumer: Consumer, clock: Clock, told: Any, heartbeat: Path) -> Watchdog:
    def end(status: int) -> None:
        raise Ended(status)

    return Watchdog("example", consumer, Metrics(), end)


def check(watchdog: Watchdog, oldest_call: float = float("inf"), since: float | None = None, problem: str = "") -> None:
    watchdog.check({HERE}, oldest_call, since, problem)


def test_it_beats_while_the_broker_answers(
    watchdog: Watchdog, consumer: Consumer, clock: Clock, heartbeat: Path
) -> None:
    consumer.error = KafkaConnectionError("away")
    check(watchdog)
    assert not heartbeat.exists()
    consumer.error = None
    check(watchdog)
    assert not heartbeat.exists(), "not so soon"
    clock.now += 10
    check(watchdog)
    assert heartbeat.read_text() == ""
    clock.now += 10
    check(watchdog, problem="paused")
    assert heartbeat.read_text() == "paused"


def test_a_partition_that_stands_still_though_there_is_more_ends_it(
    watchdog: Watchdog, consumer: Consumer, clock: Clock, told: list[dict[str, Any]]
) -> None:
    for position in range(20):
        consumer.stands = {HERE: position}
        check(watchdog)
        clock.now += 10
    clock.now += STALLED_AFTER_SECONDS - 20
    check(watchdog)
    clock.now += 20
    with pytest.raises(Ended) as ended:
        check(watchdog)
    assert ended.value.args == (EXIT_STALLED,)
    assert told[0]["behind"] == {str(HERE): 19}
    assert "test_a_partition_that_stands_still" in told[0]["threads"]["MainThread"]


def test_a_call_that_takes_too_long_ends_it(watchdog: Watchdog, clock: Clock) -> None:
    began = clock.now
    clock.now += STUCK_AFTER_SECONDS - 1
    check(watchdog, oldest_call=began)
    clock.now += 10
    with pytest.raises(Ended):
        check(watchdog, oldest_call=began)


def test_so_it_does_while_the_broker_does_not_answer(watchdog: Watchdog, consumer: Consumer, clock: Clock) -> None:
    consumer.error = KafkaConnectionError("away")
    began = clock.now
    clock.now += STUCK_AFTER_SECONDS + 1
    with pytest.raises(Ended):
        check(watchdog, oldest_call=began)


def test_a_group_that_does_not_come_to_rest_ends_it(watchdog: Watchdog, clock: Clock, heartbeat: Path) -> None:
    began = clock.now
    check(watchdog, since=began)
    assert not heartbeat.exists()
    clock.now += STALLED_AFTER_SECONDS + 1
    with pytest.raises(Ended):
        check(watchdog, since=began)


def test_a_loop_that_hangs_is_ended_from_its_thread_and_told_what_it_did(
    consumer: Consumer, clock: Clock, told: list[dict[str, Any]]
) -> None:
    ended, go_on = [], threading.Event()
    watchdog = Watchdog("example", consumer, Metrics(), lambda status: ended.append(status) or go_on.set())  # type: ignore[func-returns-value]
    clock.now += STALLED_AFTER_SECONDS + 1
    watchdog.start(lambda _seconds: go_on.is_set())
    eventually(lambda: ended)
    assert ended[0] == EXIT_STALLED
    assert told[0]["what"] == "the consumer hangs; a restart is due"
    assert "test_a_loop_that_hangs" in told[0]["threads"]["MainThread"]


def test_stacks_name_all_threads() -> None:
    go_on = threading.Event()
    thread = threading.Thread(target=go_on.wait, name="waiting")
    thread.start()
    try:
        assert "go_on" in stacks()["MainThread"] or "stacks" in stacks()["MainThread"]
        assert "wait" in stacks()["waiting"]
    finally:
        go_on.set()
        thread.join()


WORKERS = sorted(path for path in ROOT.glob("*/Dockerfile") if ".heartbeat" in path.read_text())


@pytest.mark.parametrize("path", WORKERS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize(("content", "healthy"), [("", True), ("paused", False), (None, False)])
def test_the_health_check_of_a_container_reads_the_heartbeat(
    path: Path, content: str | None, healthy: bool, tmp_path: Path
) -> None:
    (line,) = [line for line in path.read_text().splitlines() if ".heartbeat" in line]
    command = line.strip().removeprefix("CMD ").replace("/tmp", str(tmp_path))
    if content is not None:
        (tmp_path / "x.heartbeat").write_text(content)
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is healthy
    assert done.stdout == (content or "")
