"""Validates JSON request bodies. Every function raises Problem for an invalid field."""

import re
from typing import Any

from flask import request
from flask_babel import gettext as _
from web import Problem
from werkzeug.exceptions import BadRequest

from .conversations import MAX_TEXT_CHARACTERS, without_controls

MAX_NAME_CHARACTERS = 100
DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates of the direction of text (Unicode Standard Annex 9)."""


def name(field: str) -> str:
    """The field `field`: a person's name, with whitespace collapsed, without what turns the text around it."""
    text = " ".join(DIRECTION_CONTROLS.sub("", _text(field)).split())
    if not text:
        raise Problem(400, "name", _("The name is empty."))
    if len(text) > MAX_NAME_CHARACTERS:
        raise Problem(413, "name", _("The name is too long: at most %(n)s characters.", n=MAX_NAME_CHARACTERS))
    return text


def message(field: str) -> str:
    """The field `field`: the text of a message, without outer whitespace."""
    text = _text(field).strip()
    if not text:
        raise Problem(400, "empty-message", _("The message is empty."))
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Problem(
            413, "message-too-long", _("The message is too long: at most %(n)s characters.", n=MAX_TEXT_CHARACTERS)
        )
    return text


def _text(field: str) -> str:
    """The field `field`, without control characters."""
    try:
        body: Any = request.get_json()
    except RecursionError:
        raise BadRequest from None
    if not isinstance(body, dict):
        raise Problem(422, "not-an-object", _("The body must be a JSON object."))
    if field not in body:
        raise Problem(422, "missing-field", _('The field "%(field)s" is missing.', field=field))
    if not isinstance(body[field], str):
        raise Problem(422, "wrong-type", _('The field "%(field)s" must be a string.', field=field))
    return without_controls(body[field])
