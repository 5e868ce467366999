"""A join of the group that completes between two polls is thrown away.

Symptom: a consumer that polls with short timeouts joins again and again, and may never get partitions. Seen in
kafka-python 3.0.12: `join_group_async` starts another JoinGroup where the task of the last one is done, without looking
at its result. No public issue known.
"""

from typing import Any

from kafka.coordinator.base import BaseCoordinator


class _JoinTask:
    """The task of a join, never "done" to whoever asks before awaiting it: so its result is always awaited."""

    is_done = False

    def __init__(self, task: Any):
        self._task = task

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def __await__(self) -> Any:
        return self._task.__await__()


class _JoinTaskAttribute:
    def __get__(self, coordinator: Any, _owner: type) -> Any:
        return coordinator.__dict__["_join_task"] if coordinator is not None else self

    def __set__(self, coordinator: Any, task: Any) -> None:
        coordinator.__dict__["_join_task"] = None if task is None else _JoinTask(task)


def apply() -> None:
    BaseCoordinator._join_task = _JoinTaskAttribute()
