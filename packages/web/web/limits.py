"""Rate limits per client, counted in the memory of each process."""

import logging
import math
import time

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

logging.getLogger("flask-limiter").setLevel(logging.WARNING)  # it logs each refusal: a flood would fill the log
limiter = Limiter(get_remote_address, storage_uri="memory://")
"""Decorates routes: `@limiter.limit("600 per minute")`. Above the limit a client gets 429 with Retry-After."""


def retry_after() -> int:
    """Seconds until the limit that the current request exceeded resets; at least 1."""
    limit = limiter.current_limit
    return max(1, math.ceil(limit.reset_at - time.time())) if limit else 60
