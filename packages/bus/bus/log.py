"""Log lines: readable text for people, JSON for machines (`LOG_FORMAT`, `LOG_LEVEL`)."""

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


class Seldom(logging.Filter):
    """Lets a message of the Kafka library pass once in half a minute: while a broker is away it repeats itself."""

    SECONDS = 30.0

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("kafka"):
            return True
        record.exc_info = None  # what went wrong is in the message, where is of no use to anybody
        what, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._told.get(what, -self.SECONDS) < self.SECONDS:
            return False
        self._told[what] = now
        return True


def configure(service: str) -> None:
    """Send all log lines of this process, those of libraries included, to standard output."""
    settings = LogSettings.load()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso" if settings.log_format == "json" else "%H:%M:%S", utc=False),
        structlog.processors.StackInfoRenderer(),
        lambda _logger, _method, event: {"service": service, **event},
    ]
    if settings.log_format == "json":
        # Where it failed, not what it had in hand: that may be what a person wrote.
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
    handler.addFilter(Seldom())
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
    # The client library tells every connection and rebalance at INFO: wanted only when one looks for it.
    logging.getLogger("kafka").setLevel("DEBUG" if level == "DEBUG" else "ERROR")
