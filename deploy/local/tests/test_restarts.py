import pytest
from restarts import FAILING_AFTER_EXITS, LONGEST_PAUSE_SECONDS, STEADY_AFTER_SECONDS, Restarts


@pytest.fixture
def restarts() -> Restarts:
    restarts = Restarts()
    restarts.started(0.0)
    return restarts


def exit_and_start(restarts: Restarts, now: float) -> float:
    """Exit at `now`, and start when that is due; returns the pause in seconds."""
    restarts.exited(now)
    assert restarts.due is not None
    due = restarts.due
    assert restarts.is_due(due)
    assert not restarts.is_due(due - 0.01)
    restarts.started(due)
    return due - now


def test_the_first_exit_is_mended_at_once(restarts: Restarts) -> None:
    assert exit_and_start(restarts, 1.0) == 0


def test_pauses_grow_up_to_a_limit(restarts: Restarts) -> None:
    pauses, now = [], 0.0
    for _ in range(12):
        pauses.append(exit_and_start(restarts, now))
        now += pauses[-1]
    assert pauses == [0, 1, 2, 4, 8, 16, *[LONGEST_PAUSE_SECONDS] * 6]


def test_that_it_keeps_failing_is_told_once(restarts: Restarts) -> None:
    told = []
    for number in range(20):
        told.append(restarts.exited(float(number)))
        assert not restarts.exited(float(number)), "the same exit, looked at again"
        restarts.started(float(number))
    assert [number for number, one in enumerate(told, 1) if one] == [FAILING_AFTER_EXITS]


def test_after_a_steady_run_it_has_recovered(restarts: Restarts) -> None:
    for number in range(FAILING_AFTER_EXITS):
        restarts.exited(float(number))
        restarts.started(float(number))
    began = FAILING_AFTER_EXITS - 1
    assert not restarts.running(began + STEADY_AFTER_SECONDS - 1)
    assert restarts.is_failing
    assert restarts.running(began + STEADY_AFTER_SECONDS)
    assert not restarts.running(began + STEADY_AFTER_SECONDS + 1), "told once"
    assert exit_and_start(restarts, 1_000.0) == 0


def test_an_exit_after_a_steady_run_counts_as_the_first(restarts: Restarts) -> None:
    for number in range(4):
        exit_and_start(restarts, float(number))
    assert exit_and_start(restarts, 500.0) == 0
