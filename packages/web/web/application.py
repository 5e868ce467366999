"""The Flask application that all web services are built on."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NotRequired

from events import Cause
from flask import Blueprint, Flask, request
from flask_babel import gettext as _
from service.log import about
from service.metrics import Collector
from typing_extensions import TypedDict
from werkzeug.middleware.proxy_fix import ProxyFix

from . import hosts, languages, problems, security
from .limits import limiter
from .metrics import RequestMetrics
from .operations import fault, operation
from .problems import Problem

ReadinessCheck = Callable[[], str | None]
"""Returns None if the dependency is usable, otherwise the reason why not."""

GroupMembers = Callable[[], dict[str, int]]
"""Returns the number of members of each consumer group; raises OSError if no broker responds."""

HERE = Path(__file__).parent


class Health(TypedDict):
    status: Literal["ok"]


class Readiness(TypedDict):
    """Whether a service is able to serve, and what it has verified for that, by name."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, bool]
    reason: NotRequired[str]
    """Why not."""


class GroupSize(TypedDict):
    members: int


class GroupSizes(TypedDict):
    """The number of members of each consumer group, by service."""

    groups: dict[str, GroupSize]


class WebApp(Flask):
    """Flask below the path `prefix`, with languages, problem+json, security headers, rate limits and health checks.

    The blueprint `web` holds the shared layout: the template `base.html` and the static files, such as `base.css`.
    """

    def __init__(self, name: str, prefix: str, checks: dict[str, ReadinessCheck], members: GroupMembers):
        """`checks`: by name, what `PREFIX/readyz` verifies; `members`: what `PREFIX/api/groups` returns."""
        super().__init__(name, static_folder=None)
        # Behind exactly one gateway, which sets the client's address, the scheme and the host.
        self.wsgi_app = ProxyFix(self.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
        self.json.ensure_ascii = False  # type: ignore[attr-defined]
        self.on_stop: list[Callable[[], None]] = []
        """What ends the event streams, which never end by themselves."""
        self.on_close: list[Callable[[], None]] = []
        requests = RequestMetrics()
        self.collectors: list[Collector] = [requests]
        """What Prometheus is told of."""
        requests.install(self)
        self.before_request(_note_trace)
        limiter.init_app(self)
        languages.install(self)
        problems.install(self)
        hosts.install(self)
        security.install(self)
        shared = Blueprint(
            "web", __name__, url_prefix=f"{prefix}/web", static_folder="static", template_folder="templates"
        )
        self.register_blueprint(shared)
        self.register_blueprint(_health(prefix, checks, members))

    def end_streams(self) -> None:
        """Run the callbacks in `on_stop`, in order. Called when the process is to stop, and requests are finished."""
        for callback in self.on_stop:
            callback()

    def close(self) -> None:
        """Run the callbacks in `on_close`, in order. Called when no request is left, before the process ends."""
        for callback in self.on_close:
            callback()


def _note_trace() -> None:
    """Lines in the log say which trace a request is part of, where its client does."""
    about.set(Cause("", request.headers.get("traceparent")))


def _health(prefix: str, checks: dict[str, ReadinessCheck], members: GroupMembers) -> Blueprint:
    health = Blueprint("health", __name__, url_prefix=prefix)

    @health.get("/healthz")
    @operation()
    def healthz() -> Health:
        """Alive."""
        return {"status": "ok"}

    @health.get("/readyz")
    @operation()
    def readyz() -> tuple[Readiness, Literal[200, 503], dict[str, str]]:
        """Able to serve: 200, or 503 with the reason."""
        problems = {name: check() for name, check in checks.items()}
        reasons = [f"{name}: {problem}" for name, problem in problems.items() if problem]
        answer: Readiness = {
            "status": "unavailable" if reasons else "ok",
            "checks": {name: not problem for name, problem in problems.items()},
        }
        if reasons:
            answer["reason"] = "; ".join(reasons)
        return answer, 503 if reasons else 200, {"Cache-Control": "no-store"}

    @health.get("/api/groups")
    @operation(fault(503, "broker-away"))
    def groups() -> GroupSizes:
        """How many consumers each group has. The start page shows by it which workers run."""
        try:
            return {"groups": {service: {"members": number} for service, number in members().items()}}
        except OSError:
            raise Problem(503, "broker-away", _("Kafka is not responding at the moment."), 5) from None

    return health
