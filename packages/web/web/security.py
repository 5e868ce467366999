"""Headers that keep a page to itself, and requests from other sites out."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask_babel import gettext as _

from .problems import Problem

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)


def from_another_site() -> bool:
    """Whether the browser says that a page of another site has led to the present request."""
    return request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def install(app: Flask) -> None:
    @app.before_request
    def same_origin() -> None:
        """A browser says from which page a request comes; programs, which send no such header, are welcome."""
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return
        origin = request.headers.get("Origin")
        if from_another_site() or (origin is not None and urlsplit(origin).netloc != request.host):
            raise Problem(403, "cross-site", _("Requests from other sites are not taken here."))

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response
