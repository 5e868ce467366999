"""Security headers for every response, and the rejection of cross-site requests (CSRF)."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask_babel import gettext as _

from .problems import Problem

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)


def is_cross_site() -> bool:
    """Whether the browser reports that another site initiated the current request."""
    return request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def install(app: Flask) -> None:
    """Make `app` reject cross-site requests that change state, and send the security headers."""

    @app.before_request
    def reject_cross_site() -> None:
        """Browsers say where a request comes from. Other programs send no such header, and are let through."""
        if request.method in ("GET", "HEAD", "OPTIONS"):
            return
        origin = request.headers.get("Origin")
        if is_cross_site() or (origin is not None and urlsplit(origin).netloc != request.host):
            raise Problem(403, "cross-site", _("Requests from other sites are not allowed."))

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response
