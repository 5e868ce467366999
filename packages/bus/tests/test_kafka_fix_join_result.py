"""A join that is answered between two polls counts."""

from bus import kafka_fixes
from kafka.coordinator.base import BaseCoordinator
from kafka.future import Future


def test_a_join_that_is_done_is_awaited_not_begun_again() -> None:
    kafka_fixes.apply()
    kind = type("Coordinator", (BaseCoordinator,), {})
    kind.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    coordinator = object.__new__(kind)
    coordinator._join_task = None
    assert coordinator._join_task is None
    task = Future()
    coordinator._join_task = task
    task.success(b"assignment")
    assert not coordinator._join_task.is_done
    results = []
    coordinator._join_task.add_callback(results.append)
    assert results == [b"assignment"]
    assert coordinator._join_task.value == b"assignment"
