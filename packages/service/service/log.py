"""Logging: text for people, JSON for machines (`LOG_FORMAT`, `LOG_LEVEL`)."""

import logging
import sys
import time
from typing import Any, Literal

import structlog

from .settings import Settings


class LogSettings(Settings):
    log_format: Literal["text", "json"] = "text"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


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


def configure(service: str) -> None:
    """Log to standard output, libraries included, with `service` in each line. Exits (78) on a wrong setting."""
    settings = LogSettings.load()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if settings.log_format == "json" else "%H:%M:%S", utc=False),
        structlog.processors.StackInfoRenderer(),
        lambda _logger, _method, event: {"service": service, **event},
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
