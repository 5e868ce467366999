"""Errors as application/problem+json (RFC 9457), with a sentence for the person who reads it."""

from typing import Any

import structlog
from flask import Flask, Response, json, request
from flask_babel import gettext as _
from typing_extensions import TypedDict
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from .limits import retry_after

log = structlog.get_logger(__name__)

RESTART_SECONDS = 5
"""When a client may ask again that a stopping process has sent away."""


class ProblemBody(TypedDict):
    """What went wrong (RFC 9457). Some problems have more members, such as the `file` that is meant."""

    type: str
    """`urn:problem:` and a code, for programs."""
    title: str
    status: int
    detail: str
    """A sentence for the person who reads it, in the language of `Accept-Language`."""


class Problem(Exception):
    """Raised by a view to end the request with a problem+json response."""

    def __init__(self, status: int, code: str, detail: str, retry_after: int | None = None, **more: Any):
        """`code`: the end of the `type` URN; `detail`: translated; `retry_after`: seconds; `more`: extra members."""
        super().__init__(detail)
        self.status = status
        title = HTTP_STATUS_CODES[status]  # Python's own change between versions
        body = ProblemBody(type=f"urn:problem:{code}", title=title, status=status, detail=detail)
        self.body: dict[str, Any] = {**body, **more}
        self.headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}

    def response(self) -> Response:
        return Response(json.dumps(self.body), self.status, self.headers, mimetype="application/problem+json")


class Stopping(Exception):
    """Raised in a request that is not done when the process has to end."""


def install(app: Flask) -> None:
    """Make `app` answer every error with a problem."""

    @app.errorhandler(Stopping)
    def handle_stopping(_error: Stopping) -> Response:
        sentence = _("This service is restarting; please try again in a moment.")
        return Problem(503, "stopping", sentence, RESTART_SECONDS).response()

    @app.errorhandler(Problem)
    def handle_problem(problem: Problem) -> Response:
        return problem.response()

    @app.errorhandler(HTTPException)
    def handle_http_error(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400 and error.response is not None:
            return error.response  # type: ignore[return-value]
        seconds = retry_after() if status == 429 else None
        response = Problem(status, code_of(status), _detail(status, error), seconds).response()
        if "Allow" in (headers := dict(error.get_headers())):
            response.headers["Allow"] = headers["Allow"]
        return response

    @app.errorhandler(Exception)
    def handle_unexpected_error(error: Exception) -> Response:
        log.exception("request failed", path=request.path, exc_info=error)
        return Problem(500, "internal", _("Something went wrong on our side. The error has been logged.")).response()


def code_of(status: int) -> str:
    """The code of the problems that Flask's own errors are made to: `not-found` for 404."""
    return HTTP_STATUS_CODES[status].lower().replace(" ", "-")


def _detail(status: int, error: HTTPException) -> str:
    sentences = {
        400: _("The request could not be understood."),
        404: _("There is nothing at this address."),
        405: _("This address does not accept this kind of request."),
        408: _("Nothing came for too long; please send the request again."),
        413: _("The request is too large."),
        415: _("This type of content is not supported."),
        429: _("Too many requests; please wait a moment."),
    }
    return sentences.get(status) or error.description or HTTP_STATUS_CODES[status]
