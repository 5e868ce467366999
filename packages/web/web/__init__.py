"""What a page needs: problem+json, event streams, languages, limits, security headers, health. No Kafka, no Pillow."""

from .again import idempotency_key
from .application import Web
from .ending import end_service
from .limits import limiter
from .problems import Problem
from .streams import Hub

__all__ = ["Hub", "Problem", "Web", "end_service", "idempotency_key", "limiter"]
