"""The bodies of requests, checked: what is wrong is told in a sentence."""

from typing import Any

from flask import request
from flask_babel import gettext as _
from web import Problem
from werkzeug.exceptions import BadRequest

from .conversations import LONGEST_TEXT, visible

LONGEST_NAME = 100


def name(field: str) -> str:
    """The field, a person's name on one line. Raises Problem."""
    text = " ".join(_text(field).split())
    if not text:
        raise Problem(400, "name", _("The name is empty."))
    if len(text) > LONGEST_NAME:
        raise Problem(413, "name", _("The name is too long: at most %(n)s characters.", n=LONGEST_NAME))
    return text


def message(field: str) -> str:
    """The field, what someone says. Raises Problem."""
    text = _text(field).strip()
    if not text:
        raise Problem(400, "empty-message", _("The message is empty."))
    if len(text) > LONGEST_TEXT:
        raise Problem(413, "message-too-long", _("The message is too long: at most %(n)s characters.", n=LONGEST_TEXT))
    return text


def _text(field: str) -> str:
    """The field, without characters that no page can show."""
    try:
        body: Any = request.get_json()
    except RecursionError:
        raise BadRequest from None
    if not isinstance(body, dict):
        raise Problem(422, "not-an-object", _("The body must be a JSON object."))
    if field not in body:
        raise Problem(422, "missing-field", _('The field "%(field)s" is missing.', field=field))
    if not isinstance(body[field], str):
        raise Problem(422, "wrong-type", _('The field "%(field)s" must be a text.', field=field))
    return visible(body[field])
