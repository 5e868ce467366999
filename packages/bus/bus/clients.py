"""Clients of the cluster, retried until it answers: a broker may start after the service that needs it."""

import threading
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import tenacity
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, UnsupportedVersionError
from service import EXIT_CONFIG, refuse_to_start
from service.log import get_logger

from . import kafka_fixes
from .kafka_fixes import bound_poll, watch_logins
from .settings import KafkaSettings

log = get_logger(__name__)
C = TypeVar("C")
_refusal_told: set[str] = set()
_telling_refusal = threading.Lock()

BOOTSTRAP_TIMEOUT_MS = 5_000
FETCH_MAX_BYTES = 4 * 1024 * 1024
"""Bytes of one fetch over all partitions: the library's 50 MB are too many for a container of 256 MB."""
POLL_MAX_BYTES = 8 * 1024 * 1024
"""Bytes of the records that one poll gives out, as they lie in memory."""


def create_client(kind: Callable[..., C], **options: Any) -> C:
    """A client of that class, with all fixes; leaves nothing behind where it cannot be created."""
    kafka_fixes.apply()
    return kafka_fixes.create_client(kind, **options)


def retry_until_connected(
    create: Callable[[], C], settings: KafkaSettings, stopping: Callable[[], bool] = lambda: False
) -> C:
    """What `create` returns, tried until the cluster answers; InterruptedError when `stopping` says so.

    A refused login ends the process with status 78: retrying does not mend a wrong password.
    """
    kafka_fixes.apply()

    def attempt() -> C:
        if stopping():
            raise InterruptedError
        with watch_logins() as logins:
            try:
                return create()
            except KafkaError:
                if logins.refused and not stopping():
                    _refuse_login(settings.kafka_bootstrap_servers)
                raise

    def tell(state: tenacity.RetryCallState) -> None:
        if state.attempt_number == 1 or state.attempt_number % 10 == 0:
            log.warning("no broker answers yet, trying again", servers=settings.kafka_bootstrap_servers)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((KafkaError, OSError))
        & tenacity.retry_if_not_exception_type((InterruptedError, UnsupportedVersionError)),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=2),
        before_sleep=tell,
    )
    return retrying(attempt)


def _refuse_login(servers: str) -> NoReturn:
    """End the process with EXIT_CONFIG. Several threads may meet the refusal at once: the first one says it."""
    with _telling_refusal:
        if servers in _refusal_told:
            raise SystemExit(EXIT_CONFIG)
        _refusal_told.add(servers)
    refuse_to_start(f"wrong setting: KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: {servers} refuses this user or password")


def connect_admin(settings: KafkaSettings, stopping: Callable[[], bool] = lambda: False) -> KafkaAdminClient:
    """An admin client of a cluster that answers."""
    options = settings.connection() | {
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "request_timeout_ms": 10_000,
    }
    return retry_until_connected(lambda: create_client(KafkaAdminClient, **options), settings, stopping)


def connect_consumer(
    settings: KafkaSettings, stopping: Callable[[], bool] = lambda: False, **options: Any
) -> KafkaConsumer:
    """A consumer on a cluster that answers; offsets are never committed behind the caller's back.

    What it fetches and gives out is bounded in bytes (`bound_poll` changes the second). A record that cannot be read
    comes with an `UnreadableRecord` as its value.
    """
    defaults = {
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": settings.kafka_fetch_max_wait_ms,
        "metrics_enabled": False,  # nobody reads them, and each request pays for them
        "fetch_max_bytes": FETCH_MAX_BYTES,
    }
    options = settings.connection() | defaults | options
    consumer = retry_until_connected(lambda: create_client(KafkaConsumer, **options), settings, stopping)
    bound_poll(consumer, POLL_MAX_BYTES)
    return consumer
