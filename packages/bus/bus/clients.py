"""Clients of the cluster: made patiently, since a broker may start after the service that needs it."""

import logging
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import tenacity
from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, UnsupportedVersionError
from kafka.net.compat import KafkaNetClient
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from .log import get_logger
from .settings import EXIT_CONFIG, KafkaSettings
from .unreadable import passing_over

if TYPE_CHECKING:
    from collections.abc import Iterator

log = get_logger(__name__)
C = TypeVar("C")

BOOTSTRAP_TIMEOUT_MS = 5_000


def _data_first(receive: Callable[[Any], tuple[bytes, Exception | None]]) -> Callable[[Any], Any]:
    """Have data that came together with the end of a connection read before that end is told.

    kafka-python 3.0.12 throws such data away: the broker's word that a login is refused, most of all on a busy machine.
    """

    def received(transport: Any) -> tuple[bytes, Exception | None]:
        data, error = receive(transport)
        return data, None if data else error

    return received


for _transport in (KafkaTCPTransport, KafkaSSLTransport):
    _transport._sock_recv = _data_first(_transport._sock_recv)


class LoginWatch(logging.Handler):
    """Notes a refused login: kafka-python tells of it in its log alone, its callers see a timeout."""

    refused = False

    def emit(self, record: logging.LogRecord) -> None:
        if "SaslAuthenticationFailed" in record.getMessage() or "AuthenticationFailed" in str(record.exc_info):
            self.refused = True


@contextmanager
def watched() -> "Iterator[LoginWatch]":
    """Notes what logins of this process are refused meanwhile."""
    watch = LoginWatch(logging.WARNING)
    logger = logging.getLogger("kafka")
    logger.addHandler(watch)
    try:
        yield watch
    finally:
        logger.removeHandler(watch)


def made(kind: Callable[..., C], **options: Any) -> C:
    """A client of that kind. One that cannot be made leaves nothing behind.

    kafka-python 3.0.12 begins with a thread and its connections, and leaves them there when no broker answers.
    """
    with ExitStack() as failed:

        def network(**how: Any) -> KafkaNetClient:
            return failed.enter_context(closing(KafkaNetClient(**how)))

        client = kind(kafka_client=network, **options)
        failed.pop_all()
        return client


def patiently(make: Callable[[], C], settings: KafkaSettings, stopping: Callable[[], bool] = lambda: False) -> C:
    """What `make` returns, tried until the cluster answers; InterruptedError when `stopping` says so.

    A refused login ends the process with status 78: waiting does not mend a wrong password.
    """

    def attempt() -> C:
        if stopping():
            raise InterruptedError
        with watched() as watch:
            try:
                return make()
            except KafkaError:
                if watch.refused and not stopping():
                    print(
                        "wrong setting: KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD:"
                        f" {settings.kafka_bootstrap_servers} refuses this user or password",
                        file=sys.stderr,
                        flush=True,
                    )
                    raise SystemExit(EXIT_CONFIG) from None
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


def connect_admin(settings: KafkaSettings, stopping: Callable[[], bool] = lambda: False) -> KafkaAdminClient:
    """An admin client of a cluster that answers."""
    options = settings.connection() | {
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "request_timeout_ms": 10_000,
    }
    return patiently(lambda: made(KafkaAdminClient, **options), settings, stopping)


def connect_consumer(
    settings: KafkaSettings, stopping: Callable[[], bool] = lambda: False, **options: Any
) -> KafkaConsumer:
    """A consumer on a cluster that answers; offsets are never committed behind the caller's back.

    Where it cannot read a record it gives one with an `Unreadable` (unreadable.py).
    """
    defaults = {
        "bootstrap_timeout_ms": BOOTSTRAP_TIMEOUT_MS,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "allow_auto_create_topics": False,
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": settings.kafka_fetch_max_wait_ms,
    }
    options = settings.connection() | defaults | options
    return passing_over(patiently(lambda: made(KafkaConsumer, **options), settings, stopping))
