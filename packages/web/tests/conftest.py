from typing import Any

import pytest
from flask import jsonify, request
from web import Problem, Web, limiter

SECRET = "postgres://user:hunter2@db"


@pytest.fixture
def checks() -> dict[str, str | None]:
    """What the checks of readiness say; a test changes it."""
    return {"broker": None, "store": None}


@pytest.fixture
def groups() -> dict[str, int]:
    """How many are in each consumer group; none where no broker answers. A test changes it."""
    return {"rotate-worker": 2, "notifier": 0}


@pytest.fixture
def app(checks: dict[str, str | None], groups: dict[str, int]) -> Web:
    def members() -> dict[str, int]:
        if not groups:
            raise ConnectionError("no broker answers")
        return groups

    app = Web("web", "/here", {name: lambda name=name: checks[name] for name in checks}, members)
    app.config["MAX_CONTENT_LENGTH"] = 1_000

    @app.route("/here/thing", methods=["GET", "POST"])
    def thing() -> Any:
        return jsonify(size=len(request.get_data()))

    @app.get("/here/seldom")
    @limiter.limit("2 per minute")
    def seldom() -> str:
        return "ok"

    @app.get("/here/broken")
    def broken() -> str:
        raise RuntimeError(f"cannot connect to {SECRET}")

    @app.get("/here/wrong")
    def wrong() -> str:
        raise Problem(409, "taken", "Ana has it.", retry_after=3, attendant="Ana")

    limiter.reset()
    return app


@pytest.fixture
def client(app: Web) -> Any:
    return app.test_client()
