"""Who may send requests, what every answer carries, and how health is told."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://fotos.example:8443", "X-Forwarded-Host": "fotos.example:8443"},
    ],
)
def test_the_own_page_and_programs_may_send(client: Any, headers: dict[str, str]) -> None:
    assert client.post("/here/thing", data=b"four", headers=headers).get_json() == {"size": 4}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:666"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "Requests from other sites are not taken here."),
        ("pt-BR", "Requisições vindas de outros sites não são aceitas aqui."),
    ],
)
def test_a_page_of_another_site_may_not_send(client: Any, headers: dict[str, str], lang: str, sentence: str) -> None:
    answer = client.post("/here/thing", data=b"four", headers=headers | {"Accept-Language": lang})
    assert answer.status_code == 403
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json(force=True)["detail"] == sentence


def test_anyone_may_follow_a_link(client: Any) -> None:
    answer = client.get("/here/thing", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.get_json() == {"size": 0}


@pytest.mark.parametrize("path", ["/here/thing", "/here/nothing", "/here/broken", "/here/web/base.css"])
def test_every_answer_carries_the_headers_of_safety(client: Any, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not any("unsafe" in rule for rule in policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_an_answer_may_bring_a_policy_of_its_own(app: Any) -> None:
    app.add_url_rule("/own", view_func=lambda: ("", 200, {"Content-Security-Policy": "sandbox"}), endpoint="own")
    assert app.test_client().get("/own").headers.getlist("Content-Security-Policy") == ["sandbox"]


def test_alive_says_nothing_of_what_is_around(client: Any, checks: dict[str, str | None]) -> None:
    checks["broker"] = "away"
    answer = client.get("/here/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_ready_when_every_check_is_content(client: Any) -> None:
    answer = client.get("/here/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "checks": {"broker": True, "store": True}}
    assert answer.headers["Cache-Control"] == "no-store"


def test_not_ready_says_why(client: Any, checks: dict[str, str | None]) -> None:
    checks["store"] = "No space left on device"
    answer = client.get("/here/readyz")
    assert answer.status_code == 503
    body = answer.get_json()
    assert body["checks"] == {"broker": True, "store": False}
    assert body["reason"] == "store: No space left on device"
    checks["broker"] = "no answer"
    assert client.get("/here/readyz").get_json()["reason"] == "broker: no answer; store: No space left on device"


def test_groups_tell_how_many_work(client: Any) -> None:
    answer = client.get("/here/api/groups")
    assert answer.get_json() == {"groups": {"rotate-worker": {"members": 2}, "notifier": {"members": 0}}}


def test_groups_without_a_broker_are_a_problem(client: Any, groups: dict[str, int]) -> None:
    groups.clear()
    answer = client.get("/here/api/groups", headers={"Accept-Language": "pt-BR"})
    assert (answer.status_code, answer.get_json()["type"]) == (503, "urn:problem:broker-away")
    assert answer.get_json()["detail"] == "O Kafka não responde no momento."
    assert int(answer.headers["Retry-After"]) > 0


def test_close_ends_what_would_hold_the_process_up(app: Any) -> None:
    ended: list[str] = []
    app.on_close += [lambda: ended.append("streams"), lambda: ended.append("mirror")]
    app.close()
    assert ended == ["streams", "mirror"]
