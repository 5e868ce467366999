"""Workarounds for kafka-python, and what it lacks: a module for each fault, with symptom, version and upstream issue.

`apply()` patches the library for the whole process. Importing changes nothing.
"""

import threading

from . import (
    acl_operations,
    bounded_decompression,
    connection_end,
    forgotten_rejoin,
    join_result,
    key_hash,
    login_refusals,
    paused_leftovers,
    poll_bytes,
    repeated_wakeups,
    stable_offsets,
    unreadable_records,
)
from .arrivals import has_buffered_records, notify_arrivals, set_fetch_wait
from .client_creation import create_client
from .fetch_sessions import has_fetch_sessions
from .forgotten_rejoin import rejoin
from .login_refusals import LoginWatch, watch_logins
from .poll_bytes import bound_poll
from .producer_failure import TOO_LARGE, breaks_producer, close_producer
from .producer_metadata import MissingPartition, await_metadata
from .stable_offsets import last_stable_offset, readable_end
from .stale_positions import restart_from_committed
from .unreadable_records import UnreadableRecord

__all__ = [
    "TOO_LARGE",
    "LoginWatch",
    "MissingPartition",
    "UnreadableRecord",
    "apply",
    "await_metadata",
    "bound_poll",
    "breaks_producer",
    "close_producer",
    "create_client",
    "has_buffered_records",
    "has_fetch_sessions",
    "last_stable_offset",
    "notify_arrivals",
    "readable_end",
    "rejoin",
    "restart_from_committed",
    "set_fetch_wait",
    "watch_logins",
]

_lock = threading.Lock()
_applied = False


def apply() -> None:
    """Patch kafka-python in this process. Idempotent and thread-safe; call it before a client is created."""
    global _applied  # noqa: PLW0603
    with _lock:
        if _applied:
            return
        for fix in (
            connection_end,
            login_refusals,
            acl_operations,
            bounded_decompression,
            unreadable_records,
            paused_leftovers,
            poll_bytes,
            stable_offsets,
            join_result,
            forgotten_rejoin,
            key_hash,
            repeated_wakeups,
        ):
            fix.apply()
        _applied = True
