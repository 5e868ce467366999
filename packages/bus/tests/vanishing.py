"""Topics that vanish for a moment, as a consumer sees it."""

from typing import Any

import pytest
from kafka.errors import NotCoordinatorError


def vanish_for_a_moment(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """As with a broker that comes up: it knows no topics, is no coordinator yet, and then all is well.

    Returns a list that is filled when the broker has refused to be the coordinator.
    """
    coordinator = consumer._coordinator
    known, join = coordinator._metadata_snapshot, coordinator._do_join_and_sync_async
    refused: list[bool] = []

    async def refused_once() -> bytes:
        coordinator._metadata_snapshot = known
        if refused:
            return bytes(await join())
        refused.append(True)
        raise NotCoordinatorError

    monkeypatch.setattr(coordinator, "_do_join_and_sync_async", refused_once)
    coordinator._metadata_snapshot = {name: set() for name in known}
    return refused
