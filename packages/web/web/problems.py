"""Errors as RFC 9457 says: application/problem+json, with a sentence that a person understands."""

from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, json, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from .limits import retry_after

log = structlog.get_logger(__name__)


class Problem(Exception):
    """Ends a request: `detail` is the sentence, in the language of the request; `more` are members of the answer."""

    def __init__(self, status: int, code: str, detail: str, retry_after: int | None = None, **more: Any):
        super().__init__(detail)
        self.status = status
        self.body = {"type": f"urn:problem:{code}", "title": HTTPStatus(status).phrase, "status": status} | more
        self.body["detail"] = detail
        self.headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}

    def response(self) -> Response:
        return Response(json.dumps(self.body), self.status, self.headers, mimetype="application/problem+json")


def install(app: Flask) -> None:
    """Answer every error of `app` as a problem."""

    @app.errorhandler(Problem)
    def known(problem: Problem) -> Response:
        return problem.response()

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400 and error.response is not None:
            return error.response  # type: ignore[return-value]
        code = HTTPStatus(status).name.lower().replace("_", "-")
        wait = retry_after() if status == HTTPStatus.TOO_MANY_REQUESTS else None
        response = Problem(status, code, _sentence(status, error), wait).response()
        if "Allow" in (headers := dict(error.get_headers())):
            response.headers["Allow"] = headers["Allow"]
        return response

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        log.exception("request failed", path=request.path, exc_info=error)
        return Problem(500, "internal", _("Something went wrong here; it has been noted.")).response()


def _sentence(status: int, error: HTTPException) -> str:
    sentences = {
        400: _("The request could not be understood."),
        404: _("There is nothing at this address."),
        405: _("This address does not take such requests."),
        413: _("The request is too large."),
        415: _("Content of this type is not taken here."),
        429: _("Too many requests; please wait a moment."),
    }
    return sentences.get(status) or error.description or HTTPStatus(status).phrase
