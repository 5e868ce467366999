"""What all answers of the API have in common."""

from collections.abc import Callable
from typing import TypeVar

from flask import Response
from flask_babel import gettext as _
from web import Problem

T = TypeVar("T")


def ask(question: Callable[[], T]) -> T:
    """The answer to a question to the broker. Raises Problem (503) where it does not answer."""
    try:
        return question()
    except ConnectionError:
        raise broker_away() from None


def broker_away() -> Problem:
    return Problem(503, "broker-away", _("Kafka is not responding at the moment. Please try again."), 5)


def fresh(response: Response) -> Response:
    """The response, which nobody may keep."""
    response.headers["Cache-Control"] = "no-store"
    return response
