"""Kafka, and nothing else: producer, consumer runtime, mirror, dead letters."""

from .errors import AttemptsExhausted, PermanentError, RetryableError
from .settings import KafkaSettings
from .state import State
from .worker import Worker

__all__ = ["AttemptsExhausted", "KafkaSettings", "PermanentError", "RetryableError", "State", "Worker"]
"""Kafka, and nothing else: producer, consumer runtime, mirror, dead letters."""


__all__ = ["AttemptsExhausted", "KafkaSettings", "PermanentError", "RetryableError", "State", "Worker"]
