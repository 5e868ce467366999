from typing import Any

import pytest
from flask import jsonify, request
from web import Problem, WebApp, limiter

SECRET = "postgres://user:hunter2@db"


@pytest.fixture
def checks() -> dict[str, str | None]:
    """The results of the readiness checks, for a test to change."""
    return {"broker": None, "store": None}


@pytest.fixture
def groups() -> dict[str, int]:
    """The members of each consumer group, for a test to change; empty means that no broker responds."""
    return {"rotate-worker": 2, "notifier": 0}


@pytest.fixture
def app(checks: dict[str, str | None], groups: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> WebApp:
    monkeypatch.setenv("PUBLIC_URL", "https://fotos.example:8443")
    monkeypatch.setenv("ALLOWED_HOSTS", "turma.example, escola.example")

    def members() -> dict[str, int]:
        if not groups:
            raise ConnectionError("no broker responds")
        return groups

    app = WebApp("web", "/here", {name: lambda name=name: checks[name] for name in checks}, members)
    app.config["MAX_CONTENT_LENGTH"] = 1_000

    @app.route("/here/thing", methods=["GET", "POST"])
    def thing() -> Any:
        return jsonify(size=len(request.get_data()))

    @app.get("/here/rate_limited")
    @limiter.limit("2 per minute")
    def rate_limited() -> str:
        return "ok"

    @app.get("/here/raises")
    def raises() -> str:
        raise RuntimeError(f"cannot connect to {SECRET}")

    @app.get("/here/problem")
    def problem() -> str:
        raise Problem(409, "taken", "Ana has it.", retry_after=3, attendant="Ana")

    limiter.reset()
    return app


@pytest.fixture
def client(app: WebApp) -> Any:
    return app.test_client()
