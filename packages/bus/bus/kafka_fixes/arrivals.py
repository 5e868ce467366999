"""Nothing but a blocking `poll` tells that records have arrived.

Symptom: a loop that waits for other things too has to poll in short turns. Missing in kafka-python 3.0.12.
"""

from collections.abc import Callable
from typing import Any

from .paused_leftovers import has_resumed

BACKOFF_MARGIN_SECONDS = 0.01


def notify_arrivals(consumer: Any, callback: Callable[[], object]) -> None:
    """Have `callback` called when `poll(timeout_ms=0)` has something to do; call this before the first poll.

    That is: a fetch was answered or failed, its node may be tried again, positions were looked up, metadata came, the
    coordinator was found or lost, wants a rejoin or has answered it, or what a poll could not begin is to be tried
    again. It is called in the IO thread (also for nothing), so it must return at once and may not use the consumer.
    Poll too after `resume`, `seek` and `subscribe`, and while `has_buffered_records`: of those no callback tells.
    """
    fetcher, coordinator, manager = consumer._fetcher, consumer._coordinator, consumer._manager
    net = manager._net
    _report_fetches(fetcher, manager, callback)
    for owner, names in {
        fetcher: ("_reset_offsets_async", "_validate_offsets_async"),
        coordinator: ("_do_join_and_sync_async", "_send_offset_fetch_request", "_send_group_coordinator_request"),
    }.items():
        for name in names:
            setattr(owner, name, _reporting_coroutine(getattr(owner, name), lambda: net.call_soon(callback)))
    for name in ("request_rejoin", "reset_generation", "coordinator_dead"):
        setattr(coordinator, name, _reporting(getattr(coordinator, name), callback))
    manager.cluster.add_listener(lambda _cluster: net.call_soon(callback))  # when all other listeners know

    def try_again() -> None:
        net.call_later(consumer.config["retry_backoff_ms"] / 1000, callback)

    def poll_once(*args: Any, **kwargs: Any) -> Any:
        try:
            return poll(*args, **kwargs)
        finally:
            if not _under_way(consumer):
                net.call_soon_threadsafe(try_again)

    poll, consumer._poll_once = consumer._poll_once, poll_once


def _report_fetches(fetcher: Any, manager: Any, callback: Callable[[], object]) -> None:
    clear_pending_fetch_request = fetcher._clear_pending_fetch_request

    def fetch_done(node_id: Any, result: Any) -> None:
        clear_pending_fetch_request(node_id, result)
        pause = max(manager.connection_delay(node_id), fetcher._client.throttle_delay(node_id) / 1000)
        if pause > 0:  # until then the next poll would send no fetch to this node
            manager._net.call_later(pause + BACKOFF_MARGIN_SECONDS, callback)
        callback()

    fetcher._clear_pending_fetch_request = fetch_done


def _reporting(method: Callable[..., Any], report: Callable[[], object]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        result = method(*args, **kwargs)
        report()
        return result

    return called


def _reporting_coroutine(method: Callable[..., Any], report_soon: Callable[[], object]) -> Callable[..., Any]:
    """Reports when the future of the call has its result, which is after the coroutine has ended."""

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        try:
            return await method(*args, **kwargs)
        finally:
            report_soon()

    return awaited


def _under_way(consumer: Any) -> bool:
    """Whether a report will come of what the last poll began, or nothing is to be done."""
    coordinator = consumer._coordinator
    if consumer._subscription.partitions_auto_assigned() and (
        coordinator.coordinator_unknown() or coordinator.need_rejoin()
    ):
        return coordinator._join_task is not None or coordinator._find_coordinator_future is not None
    return bool(consumer._fetcher.in_flight_fetches()) or consumer.paused() == consumer.assignment()


def set_fetch_wait(consumer: Any, max_wait_ms: int) -> None:
    """Change how long the broker may wait for records before it answers the fetches to come."""
    consumer._fetcher.config["fetch_max_wait_ms"] = max_wait_ms


def has_buffered_records(consumer: Any) -> bool:
    """Whether the next poll may give out records without waiting for the broker."""
    fetcher = consumer._fetcher
    current = fetcher._next_partition_records
    if current and not fetcher._subscriptions.is_paused(current.topic_partition):
        return True
    return bool(fetcher._completed_fetches) or has_resumed(fetcher)
