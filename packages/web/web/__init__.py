"""The base of every web service: problem+json, event streams, languages, rate limits, security headers, health.

It depends on neither Kafka nor Pillow.
"""

from .application import WebApp
from .idempotency import IdempotencyKey, idempotency_key
from .limits import limiter
from .operations import fault, guard, operation
from .problems import Problem, ProblemBody
from .service_exit import exit_service
from .streams import Hub

__all__ = [
    "Hub",
    "IdempotencyKey",
    "Problem",
    "ProblemBody",
    "WebApp",
    "exit_service",
    "fault",
    "guard",
    "idempotency_key",
    "limiter",
    "operation",
]
