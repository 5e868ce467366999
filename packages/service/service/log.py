"""Logging: text for people, JSON for machines (`LOG_FORMAT`, `LOG_LEVEL`).

In JSON, lines about a record carry its `event_id` and `trace_id`, those of a request its `trace_id`. A line says what
it is about with `about=`; else it is about what `about` was set to.
"""

import logging
import sys
import time
from contextvars import ContextVar
from typing import Any, Literal, Protocol

import structlog

from .settings import Settings


class LogSettings(Settings):
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class Subject(Protocol):
    """What a line may be about: a record (events.Cause), a request."""

    @property
    def id(self) -> str: ...

    @property
    def trace_id(self) -> str | None: ...


about: ContextVar[Subject | None] = ContextVar("about", default=None)
"""What the lines of this thread are about."""


def get_logger(name: str) -> Any:
    return structlog.get_logger(name)


class KafkaRateLimit(logging.Filter):
    """Passes each message of the Kafka library once per interval: it repeats itself while a broker is unreachable."""

    INTERVAL_SECONDS = 30.0

    def __init__(self) -> None:
        super().__init__()
        self._last_passed: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("kafka"):
            return True
        record.exc_info = None  # the message says what went wrong; the traceback adds nothing
        message, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._last_passed.get(message, -self.INTERVAL_SECONDS) < self.INTERVAL_SECONDS:
            return False
        self._last_passed[message] = now
        return True


def _with_ids(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Say which event and which trace a line is about."""
    subject = event.pop("about", None) or about.get()
    if subject is None:
        return event
    ids = {"event_id": subject.id, "trace_id": subject.trace_id}
    return event | {name: value for name, value in ids.items() if value}


def _without_subject(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event.pop("about", None)
    return event


def configure(service: str) -> None:
    """Log to standard output, libraries included, with `service` in each line. Exits (78) on a wrong setting."""
    settings = LogSettings.load()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if settings.log_format == "json" else "%H:%M:%S", utc=False),
        structlog.processors.StackInfoRenderer(),
        lambda _logger, _method, event: {"service": service, **event},
        _with_ids if settings.log_format == "json" else _without_subject,
    ]
    if settings.log_format == "json":
        # Without local variables: they may hold what a person wrote.
        without_values = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        final: list[Any] = [
            structlog.processors.ExceptionRenderer(without_values),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        final = [
            structlog.dev.ConsoleRenderer(
                colors=False, pad_event_to=0, pad_level=False, exception_formatter=structlog.dev.plain_traceback
            )
        ]
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(KafkaRateLimit())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    level = settings.log_level.upper()
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # The Kafka library logs every connection and rebalance at INFO: noise, except for debugging.
    logging.getLogger("kafka").setLevel("DEBUG" if level == "DEBUG" else "ERROR")
