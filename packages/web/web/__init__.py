"""The base of every web service: problem+json, event streams, languages, rate limits, security headers, health.

It depends on neither Kafka nor Pillow.
"""

from .application import WebApp
from .idempotency import idempotency_key
from .limits import limiter
from .problems import Problem
from .service_exit import exit_service
from .streams import Hub

__all__ = ["Hub", "Problem", "WebApp", "exit_service", "idempotency_key", "limiter"]
