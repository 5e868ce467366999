"""Requests that a client sends again, as it has not heard what became of them."""

import re

from flask import request
from flask_babel import gettext as _

from .problems import Problem


def idempotency_key() -> str | None:
    """What the client calls the present request by, however often it sends it; None without one. Raises Problem."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(r"[!-~]{16,200}", key):
        raise Problem(400, "idempotency-key", _("Idempotency-Key must have 16 to 200 characters that nobody guesses."))
    return key
