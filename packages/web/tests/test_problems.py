"""Errors are application/problem+json, in the language of the client."""

import json
from typing import Any

import pytest
from web import idempotency_key

SENTENCES = {
    404: ("There is nothing at this address.", "Não há nada neste endereço."),
    405: ("This address does not accept this kind of request.", "Este endereço não aceita esse tipo de requisição."),
    413: ("The request is too large.", "A requisição é grande demais."),
    429: (
        "Too many requests; please wait a moment.",
        "Muitas requisições em pouco tempo; aguarde um momento.",
    ),
    500: (
        "Something went wrong on our side. The error has been logged.",
        "Algo deu errado por aqui; o erro foi registrado.",
    ),
}


def failed_request(client: Any, status: int, path_end: str = "", **options: Any) -> Any:
    """The response to a request that fails with `status`."""
    if status == 429:
        client.get("/here/rate_limited")
        client.get("/here/rate_limited")
    method, path, data = {
        404: ("GET", "/here/nothing", None),
        405: ("DELETE", "/here/thing", None),
        413: ("POST", "/here/thing", b"x" * 1_001),
        429: ("GET", "/here/rate_limited", None),
        500: ("GET", "/here/raises", None),
    }[status]
    return client.open(path + path_end, method=method, data=data, **options)


def assert_problem(response: Any, status: int, sentence: str) -> None:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    body = json.loads(response.data)
    assert body["detail"] == sentence
    assert body["status"] == status
    assert body["title"]
    assert body["type"].startswith("urn:problem:")


@pytest.mark.parametrize("status", SENTENCES)
@pytest.mark.parametrize(
    ("accepted", "expected"),
    [(None, 0), ("en-GB,pt;q=0.5", 0), ("de, pt-PT;q=0.9, en;q=0.5", 1), ("pt-BR", 1), ("ja", 0), ("*", 0)],
)
def test_an_error_is_a_problem_in_the_language_of_the_browser(
    client: Any, status: int, accepted: str | None, expected: int
) -> None:
    response = failed_request(client, status, headers={"Accept-Language": accepted} if accepted else {})
    assert_problem(response, status, SENTENCES[status][expected])
    assert "Accept-Language" in response.headers["Vary"]


@pytest.mark.parametrize("status", SENTENCES)
def test_the_cookie_wins_over_the_browser_and_the_address_over_the_cookie(client: Any, status: int) -> None:
    client.set_cookie("lang", "pt-BR")
    assert_problem(failed_request(client, status, headers={"Accept-Language": "en"}), status, SENTENCES[status][1])
    assert_problem(failed_request(client, status, "?lang=en"), status, SENTENCES[status][0])


def test_the_language_of_the_address_is_remembered_unless_it_is_unknown(client: Any) -> None:
    assert client.get("/here/thing?lang=klingon").headers.getlist("Set-Cookie") == []
    assert_problem(client.get("/here/nothing?lang=klingon"), 404, SENTENCES[404][0])
    client.get("/here/thing?lang=pt-BR")
    assert_problem(client.get("/here/nothing"), 404, SENTENCES[404][1])
    (cookie,) = client.get("/here/thing?lang=en").headers.getlist("Set-Cookie")
    assert "lang=en" in cookie
    assert "SameSite=Lax" in cookie


def test_an_invalid_cookie_is_ignored(client: Any) -> None:
    client.set_cookie("lang", "../../etc")
    assert_problem(client.get("/here/nothing", headers={"Accept-Language": "pt"}), 404, SENTENCES[404][1])


def test_405_lists_the_allowed_methods(client: Any) -> None:
    allowed = failed_request(client, 405).headers["Allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))


def test_above_its_rate_limit_a_client_gets_retry_after_and_others_are_served(client: Any) -> None:
    first = [client.get("/here/rate_limited") for _ in range(2)]
    assert [response.data for response in first] == [b"ok", b"ok"]
    assert not any("Retry-After" in response.headers for response in first)
    refused = client.get("/here/rate_limited")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    other = client.get("/here/rate_limited", headers={"X-Forwarded-For": "203.0.113.7"})
    assert (other.status_code, other.data) == (200, b"ok")


def test_only_429_has_retry_after(client: Any) -> None:
    for status in (404, 405, 413, 500):
        assert "Retry-After" not in failed_request(client, status).headers


def test_an_unexpected_error_leaks_no_internals(client: Any) -> None:
    response = failed_request(client, 500)
    assert b"hunter2" not in response.data
    assert b"RuntimeError" not in response.data
    assert b"Traceback" not in response.data


def test_a_problem_raised_by_a_view_keeps_its_detail_and_members(client: Any) -> None:
    response = client.get("/here/problem")
    assert_problem(response, 409, "Ana has it.")
    assert json.loads(response.data)["attendant"] == "Ana"
    assert json.loads(response.data)["type"] == "urn:problem:taken"
    assert response.headers["Retry-After"] == "3"


def test_a_redirect_is_not_turned_into_a_problem(app: Any) -> None:
    app.add_url_rule("/here/folder/", view_func=lambda: "in it", endpoint="folder")
    response = app.test_client().get("/here/folder")
    assert response.status_code == 308
    assert response.headers["Location"].endswith("/here/folder/")


@pytest.mark.parametrize("key", ["k" * 16, "k" * 200, "0f3a5c1e-9d7b-4268", None])
def test_a_well_formed_idempotency_key_is_returned(app: Any, key: str | None) -> None:
    with app.test_request_context(headers={"Idempotency-Key": key} if key else {}):
        assert idempotency_key() == key


@pytest.mark.parametrize("key", ["", "k" * 15, "k" * 201, "a key with spaces in it", "chave com acentuação"])
def test_a_malformed_idempotency_key_is_400(app: Any, key: str) -> None:
    app.add_url_rule("/key", view_func=lambda: idempotency_key() or "", methods=["POST"])
    headers = {"Idempotency-Key": key.encode().decode("latin-1"), "Accept-Language": "pt"}
    sentence = "Idempotency-Key deve ter de 16 a 200 caracteres ASCII visíveis."
    assert_problem(app.test_client().post("/key", headers=headers), 400, sentence)
