"""Who may look: on this machine everybody; from elsewhere attendants alone, as values hold what people wrote."""

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from web import Problem, limiter
from web.attendant_auth import LOGIN_ATTEMPTS, AttendantAuth, bearer_token, is_failed_login

EXTENSION = "observer-access"
CLOSED = "The live page is closed: other machines may reach it, and ATTENDANT_TOKEN, which would open it, is not set."


class Access:
    """`auth`: what opens the page; None where nothing does. `is_open`: whether nothing is asked."""

    def __init__(self, is_open: bool, auth: AttendantAuth | None):
        self.is_open = is_open
        self.auth = auth

    def is_allowed(self) -> bool:
        """Whether the current request may see what topics hold."""
        return self.is_open or (self.auth is not None and self.auth.is_attendant())


def access() -> Access:
    return current_app.extensions[EXTENSION]  # type: ignore[no-any-return]


def _needs_no_login() -> bool:
    return access().is_open or access().auth is None or (bearer_token() is None and access().is_allowed())


limit_login_attempts = limiter.shared_limit(
    LOGIN_ATTEMPTS, scope="attempts", exempt_when=_needs_no_login, deduct_when=is_failed_login
)


def guard(pages: Blueprint, apis: Blueprint) -> None:
    """Let nobody else see `pages`, who are shown a login, and `apis`."""

    @pages.before_request
    @limit_login_attempts
    def require_login() -> Response | None:
        if request.endpoint == f"{pages.name}.static" or access().is_allowed():
            return None
        return None if request.endpoint == f"{pages.name}.log_in" else _login_page(None, 200)

    @apis.before_request
    @limit_login_attempts
    def require_attendant() -> None:
        if access().is_allowed():
            return
        if access().auth is None:
            raise Problem(403, "closed", _("The live page is closed: ATTENDANT_TOKEN is not set."))
        raise Problem(403, "not-an-attendant", _("Only attendants have access; the token is missing or wrong."))

    @pages.post("/")
    def log_in() -> Response:
        auth = access().auth
        if auth is None or not auth.is_token(request.form.get("token", "").strip()):
            return _login_page(_("This token is not valid."), 403)
        return _private(auth.set_cookie(make_response(redirect(url_for(f"{pages.name}.page"), 303))))


def _login_page(problem: str | None, status: int) -> Response:
    html = render_template("live_login.html", problem=problem, is_closed=access().auth is None)
    return _private(make_response(html, status))


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
