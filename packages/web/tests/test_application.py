"""Cross-site requests, security headers, and health checks."""

from typing import Any

import pytest
from service.log import about


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
def test_same_origin_pages_and_programs_may_post(client: Any, headers: dict[str, str]) -> None:
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
        ("en", "Requests from other sites are not allowed."),
        ("pt-BR", "Requisições vindas de outros sites não são permitidas."),
    ],
)
def test_cross_site_posts_are_rejected(client: Any, headers: dict[str, str], lang: str, sentence: str) -> None:
    response = client.post("/here/thing", data=b"four", headers=headers | {"Accept-Language": lang})
    assert response.status_code == 403
    assert response.mimetype == "application/problem+json"
    assert response.get_json(force=True)["detail"] == sentence


def test_cross_site_links_are_allowed(client: Any) -> None:
    response = client.get("/here/thing", headers={"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert response.get_json() == {"size": 0}


@pytest.mark.parametrize("path", ["/here/thing", "/here/nothing", "/here/raises", "/here/web/base.css"])
def test_every_response_has_security_headers(client: Any, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert not any("unsafe" in rule for rule in policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_response_may_set_its_own_security_policy(app: Any) -> None:
    app.add_url_rule("/own", view_func=lambda: ("", 200, {"Content-Security-Policy": "sandbox"}), endpoint="own")
    assert app.test_client().get("/own").headers.getlist("Content-Security-Policy") == ["sandbox"]


def test_liveness_ignores_dependencies(client: Any, checks: dict[str, str | None]) -> None:
    checks["broker"] = "unreachable"
    response = client.get("/here/healthz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_ready_when_every_check_passes(client: Any) -> None:
    response = client.get("/here/readyz")
    assert response.status_code == 200
    assert response.get_json() == {"status": "ok", "checks": {"broker": True, "store": True}}
    assert response.headers["Cache-Control"] == "no-store"


def test_not_ready_gives_the_reasons(client: Any, checks: dict[str, str | None]) -> None:
    checks["store"] = "No space left on device"
    response = client.get("/here/readyz")
    assert response.status_code == 503
    body = response.get_json()
    assert body["checks"] == {"broker": True, "store": False}
    assert body["reason"] == "store: No space left on device"
    checks["broker"] = "no response"
    assert client.get("/here/readyz").get_json()["reason"] == "broker: no response; store: No space left on device"


def test_groups_have_their_number_of_members(client: Any) -> None:
    response = client.get("/here/api/groups")
    assert response.get_json() == {"groups": {"rotate-worker": {"members": 2}, "notifier": {"members": 0}}}


def test_groups_without_a_broker_are_503(client: Any, groups: dict[str, int]) -> None:
    groups.clear()
    response = client.get("/here/api/groups", headers={"Accept-Language": "pt-BR"})
    assert (response.status_code, response.get_json()["type"]) == (503, "urn:problem:broker-away")
    assert response.get_json()["detail"] == "O Kafka não está respondendo no momento."
    assert int(response.headers["Retry-After"]) > 0


def test_close_runs_the_callbacks_in_order(app: Any) -> None:
    ended: list[str] = []
    app.on_close += [lambda: ended.append("streams"), lambda: ended.append("mirror")]
    app.close()
    assert ended == ["streams", "mirror"]


KNOWN = ["localhost", "localhost:8080", "LOCALHOST.", "127.0.0.1:8080", "[::1]:8080", "192.168.0.7:8080", "10.1.2.3"]
KNOWN += ["fotos.example", "fotos.example:8443", "turma.example", "escola.example:80", "web:8000"]
UNKNOWN = ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "xfotos.example"]
UNKNOWN += ["evil", "localhost:80:80", "[evil", "fotos.example@evil.example"]


@pytest.mark.parametrize("host", KNOWN)
def test_the_names_of_the_settings_and_addresses_are_served(client: Any, host: str) -> None:
    assert client.get("/here/thing", headers={"Host": host}).status_code == 200
    assert client.get("/here/thing", headers={"X-Forwarded-Host": host}).status_code == 200


@pytest.mark.parametrize("host", UNKNOWN)
def test_another_name_that_leads_here_is_refused(client: Any, host: str) -> None:
    """DNS rebinding: the page of another site asks as if it were of this one, and may set any other header."""
    for headers in ({"Host": host}, {"Host": host, "X-Forwarded-Host": "localhost"}, {"X-Forwarded-Host": host}):
        for path in ("/here/thing", "/here/healthz", "/here/nothing"):
            response = client.get(path, headers=headers | {"Accept-Language": "pt"})
            assert (response.status_code, response.get_json(force=True)["type"]) == (421, "urn:problem:host")
            assert "não é conhecida por este nome" in response.get_json(force=True)["detail"]


TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_lines_in_the_log_know_the_trace_of_their_request_alone(app: Any, client: Any) -> None:
    app.add_url_rule("/here/trace", view_func=lambda: about.get().trace_id or "none")  # type: ignore[union-attr]
    traced = client.get("/here/trace", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert traced.text == TRACE
    assert client.get("/here/trace").text == "none"
    assert client.get("/here/trace", headers={"traceparent": 'a"b'}).text == "none"
