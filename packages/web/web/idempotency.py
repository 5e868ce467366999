"""The header `Idempotency-Key`: a client may repeat a request whose outcome it does not know."""

import re
from typing import Annotated

from flask import request
from flask_babel import gettext as _
from pydantic import Field

from .problems import Problem

FORM = "[!-~]{16,200}"
IdempotencyKey = Annotated[
    str | None,
    Field(pattern=f"^{FORM}$", description="What nobody guesses: a request repeated with it is done once."),
]


def idempotency_key() -> str | None:
    """The idempotency key of the current request, or None if it has none. Raises Problem (400) if it is malformed."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not re.fullmatch(FORM, key):
        raise Problem(400, "idempotency-key", _("Idempotency-Key must be 16 to 200 visible ASCII characters."))
    return key
