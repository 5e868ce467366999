"""Partitions that a topic has been given are found before metadata is old."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from bus.kafka_fixes import MissingPartition, await_metadata
from kafka.future import Future


class Sender:
    """A producer whose topic has been given partitions: metadata tells with the update of that number."""

    def __init__(self, told_with: int):
        self._told_with = told_with
        self.updates = 0
        self._metadata: Any = self
        self._sender = SimpleNamespace(wakeup=lambda: None)

    def _wait_on_metadata(self, _topic: str, _max_wait_ms: float) -> set[int]:
        return {0, 1}

    def partitions_for_topic(self, _topic: str) -> set[int] | None:
        return {0, 1, 2} if self.updates >= self._told_with else {0, 1}

    def request_update(self) -> Future:
        future = Future()

        def answer() -> None:
            self.updates += 1
            future.success(None)

        threading.Timer(0.01, answer).start()
        return future


@pytest.mark.parametrize("partition", [None, 1])
def test_what_is_known_needs_no_update(partition: int | None) -> None:
    sender = Sender(told_with=1)
    await_metadata(sender, "image", partition, 5, 3)
    assert sender.updates == 0


def test_it_asks_until_the_partition_is_known() -> None:
    sender = Sender(told_with=2)
    await_metadata(sender, "image", 2, 5, 3)
    assert sender.updates == 2


def test_a_partition_that_is_not_there_in_time_is_missing() -> None:
    with pytest.raises(MissingPartition, match="no partition 7"):
        await_metadata(Sender(told_with=1), "image", 7, 0.3, 3)
