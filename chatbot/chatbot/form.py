"""What the API takes. The validators of fields raise Problem for an invalid value."""

import re
from typing import Annotated

from flask_babel import gettext as _
from pydantic import AfterValidator, BaseModel, Field
from web import Problem

from .conversations import MAX_TEXT_CHARACTERS, without_controls

MAX_NAME_CHARACTERS = 100
DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Embeddings, overrides and isolates of the direction of text (Unicode Standard Annex 9)."""


def name(text: str) -> str:
    """A person's name, with whitespace collapsed, without control characters and what turns the text around it."""
    text = " ".join(DIRECTION_CONTROLS.sub("", without_controls(text)).split())
    if not text:
        raise Problem(400, "name", _("The name is empty."))
    if len(text) > MAX_NAME_CHARACTERS:
        raise Problem(413, "name", _("The name is too long: at most %(n)s characters.", n=MAX_NAME_CHARACTERS))
    return text


def message(text: str) -> str:
    """The text of a message, without control characters and outer whitespace."""
    text = without_controls(text).strip()
    if not text:
        raise Problem(400, "empty-message", _("The message is empty."))
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Problem(
            413, "message-too-long", _("The message is too long: at most %(n)s characters.", n=MAX_TEXT_CHARACTERS)
        )
    return text


def _bounds(most: int) -> dict[str, int]:
    return {"minLength": 1, "maxLength": most}


Name = Annotated[str, AfterValidator(name), Field(json_schema_extra=_bounds(MAX_NAME_CHARACTERS))]
Text = Annotated[str, AfterValidator(message), Field(json_schema_extra=_bounds(MAX_TEXT_CHARACTERS))]


class NewSession(BaseModel):
    nome: Name
    """What the customer is called."""


class Question(BaseModel):
    pergunta: Text
    """What the customer says."""


class Attendant(BaseModel):
    atendente: Name
    """Who takes the conversation, hands it back or closes it."""


class Reply(BaseModel):
    atendente: Name
    """Who has the conversation."""
    mensagem: Text
    """What the attendant says."""
