"""A group that is joined anew at an unlucky moment comes to rest all the same."""

from typing import Any

import pytest
from bus import ImageUploaded, Worker
from bus.runtime import Runtime
from kafka.errors import NotCoordinatorError
from suite_fixtures import eventually

pytestmark = pytest.mark.broker


def test_topics_that_vanish_for_a_moment_do_not_leave_the_consumer_outside(
    kafka_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is with a broker that comes up: it knows no topics, is no coordinator yet, and then all is well."""
    worker = Worker("rejoining")

    @worker.on("image")
    def ignore(upload: ImageUploaded) -> None:
        pass

    runtime = Runtime(worker)
    runtime.start()

    def settled() -> bool:
        runtime.turn()
        return runtime._assignment.settled

    try:
        eventually(settled, 40)
        coordinator: Any = runtime._consumer._coordinator
        known, join = coordinator._metadata_snapshot, coordinator._do_join_and_sync_async
        refused = []

        async def refused_once() -> bytes:
            coordinator._metadata_snapshot = known
            if refused:
                return bytes(await join())
            refused.append(True)
            raise NotCoordinatorError

        monkeypatch.setattr(coordinator, "_do_join_and_sync_async", refused_once)
        coordinator._metadata_snapshot = {name: set() for name in known}
        eventually(lambda: not settled(), 20)
        eventually(settled, 40)
        assert refused
        assert runtime._consumer.assignment()
    finally:
        runtime.stop()
