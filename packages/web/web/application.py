"""A Flask application as every page of the suite is one."""

from collections.abc import Callable
from pathlib import Path

from flask import Blueprint, Flask, jsonify
from flask_babel import gettext as _
from werkzeug.middleware.proxy_fix import ProxyFix

from . import languages, problems, security
from .limits import limiter
from .problems import Problem

Check = Callable[[], str | None]
"""A check of readiness: None where all is well, else what is wrong."""

Members = Callable[[], dict[str, int]]
"""Tells how many consumers are in each consumer group; raises OSError where no broker answers."""

HERE = Path(__file__).parent


class Web(Flask):
    """Flask below the path `prefix`, with languages, problem+json, security headers, limits and what tells of health.

    The shared look is in the blueprint `web`: `base.html`, and `base.css` in its static folder.
    """

    def __init__(self, name: str, prefix: str, checks: dict[str, Check], members: Members):
        """`checks`: what `PREFIX/readyz` asks, by name; `members`: what `PREFIX/api/groups` tells."""
        super().__init__(name, static_folder=None)
        # One gateway stands in front: it says who calls, and by which name and scheme.
        self.wsgi_app = ProxyFix(self.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
        self.json.ensure_ascii = False  # type: ignore[attr-defined]
        self.on_close: list[Callable[[], None]] = []
        limiter.init_app(self)
        languages.install(self)
        problems.install(self)
        security.install(self)
        shared = Blueprint(
            "web", __name__, url_prefix=f"{prefix}/web", static_folder="static", template_folder="templates"
        )
        self.register_blueprint(shared)
        self.register_blueprint(_health(prefix, checks, members))

    def close(self) -> None:
        """The process is about to stop: end what would hold it up."""
        for call in self.on_close:
            call()


def _health(prefix: str, checks: dict[str, Check], members: Members) -> Blueprint:
    health = Blueprint("health", __name__, url_prefix=prefix)

    @health.get("/healthz")
    def healthz():  # type: ignore[no-untyped-def]
        """Alive."""
        return jsonify(status="ok")

    @health.get("/readyz")
    def readyz():  # type: ignore[no-untyped-def]
        """Able to serve: 200, or 503 with the reason."""
        problems = {name: check() for name, check in checks.items()}
        reasons = [f"{name}: {problem}" for name, problem in problems.items() if problem]
        answer = jsonify(
            status="unavailable" if reasons else "ok",
            checks={name: not problem for name, problem in problems.items()},
            **({"reason": "; ".join(reasons)} if reasons else {}),
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer, 503 if reasons else 200

    @health.get("/api/groups")
    def groups():  # type: ignore[no-untyped-def]
        """Which consumer groups have members: what the start page shows of the workers."""
        try:
            return jsonify(groups={service: {"members": number} for service, number in members().items()})
        except OSError:
            raise Problem(503, "broker-away", _("Kafka does not answer at the moment."), 5) from None

    return health
