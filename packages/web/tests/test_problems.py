"""Errors are application/problem+json, in the language of the person."""

import json
from typing import Any

import pytest
from web import idempotency_key

SENTENCES = {
    404: ("There is nothing at this address.", "Não há nada neste endereço."),
    405: ("This address does not take such requests.", "Este endereço não aceita esse tipo de requisição."),
    413: ("The request is too large.", "A requisição é grande demais."),
    429: (
        "Too many requests; please wait a moment.",
        "Muitas requisições em pouco tempo; aguarde um momento.",
    ),
    500: ("Something went wrong here; it has been noted.", "Algo deu errado por aqui; o erro foi registrado."),
}


def failing(client: Any, status: int, path_end: str = "", **options: Any) -> Any:
    """The answer to a request that fails with `status`."""
    if status == 429:
        client.get("/here/seldom")
        client.get("/here/seldom")
    method, path, data = {
        404: ("GET", "/here/nothing", None),
        405: ("DELETE", "/here/thing", None),
        413: ("POST", "/here/thing", b"x" * 1_001),
        429: ("GET", "/here/seldom", None),
        500: ("GET", "/here/broken", None),
    }[status]
    return client.open(path + path_end, method=method, data=data, **options)


def is_problem(answer: Any, status: int, sentence: str) -> None:
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    body = json.loads(answer.data)
    assert body["detail"] == sentence
    assert body["status"] == status
    assert body["title"]
    assert body["type"].startswith("urn:problem:")


@pytest.mark.parametrize("status", SENTENCES)
@pytest.mark.parametrize(
    ("accepted", "which"),
    [(None, 0), ("en-GB,pt;q=0.5", 0), ("de, pt-PT;q=0.9, en;q=0.5", 1), ("pt-BR", 1), ("ja", 0), ("*", 0)],
)
def test_an_error_is_a_problem_in_the_language_of_the_browser(
    client: Any, status: int, accepted: str | None, which: int
) -> None:
    answer = failing(client, status, headers={"Accept-Language": accepted} if accepted else {})
    is_problem(answer, status, SENTENCES[status][which])
    assert "Accept-Language" in answer.headers["Vary"]


@pytest.mark.parametrize("status", SENTENCES)
def test_the_cookie_wins_over_the_browser_and_the_address_over_the_cookie(client: Any, status: int) -> None:
    client.set_cookie("lang", "pt-BR")
    is_problem(failing(client, status, headers={"Accept-Language": "en"}), status, SENTENCES[status][1])
    is_problem(failing(client, status, "?lang=en"), status, SENTENCES[status][0])


def test_the_language_of_the_address_is_remembered_and_nonsense_is_not(client: Any) -> None:
    assert client.get("/here/thing?lang=klingon").headers.getlist("Set-Cookie") == []
    is_problem(client.get("/here/nothing?lang=klingon"), 404, SENTENCES[404][0])
    client.get("/here/thing?lang=pt-BR")
    is_problem(client.get("/here/nothing"), 404, SENTENCES[404][1])
    (cookie,) = client.get("/here/thing?lang=en").headers.getlist("Set-Cookie")
    assert "lang=en" in cookie
    assert "SameSite=Lax" in cookie


def test_a_wrong_cookie_is_passed_over(client: Any) -> None:
    client.set_cookie("lang", "../../etc")
    is_problem(client.get("/here/nothing", headers={"Accept-Language": "pt"}), 404, SENTENCES[404][1])


def test_405_says_what_is_allowed(client: Any) -> None:
    allowed = failing(client, 405).headers["Allow"]
    assert {"GET", "POST"} <= set(allowed.split(", "))


def test_past_a_limit_the_client_is_told_when_to_come_back_and_others_are_served(client: Any) -> None:
    first = [client.get("/here/seldom") for _ in range(2)]
    assert [answer.data for answer in first] == [b"ok", b"ok"]
    assert not any("Retry-After" in answer.headers for answer in first)
    refused = client.get("/here/seldom")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 61
    other = client.get("/here/seldom", headers={"X-Forwarded-For": "203.0.113.7"})
    assert (other.status_code, other.data) == (200, b"ok")


def test_errors_other_than_too_many_have_no_retry_after(client: Any) -> None:
    for status in (404, 405, 413, 500):
        assert "Retry-After" not in failing(client, status).headers


def test_an_unforeseen_error_tells_nothing_of_what_is_inside(client: Any) -> None:
    answer = failing(client, 500)
    assert b"hunter2" not in answer.data
    assert b"RuntimeError" not in answer.data
    assert b"Traceback" not in answer.data


def test_a_problem_of_a_view_carries_its_own_sentence_and_members(client: Any) -> None:
    answer = client.get("/here/wrong")
    is_problem(answer, 409, "Ana has it.")
    assert json.loads(answer.data)["attendant"] == "Ana"
    assert json.loads(answer.data)["type"] == "urn:problem:taken"
    assert answer.headers["Retry-After"] == "3"


def test_a_redirect_is_no_problem(app: Any) -> None:
    app.add_url_rule("/here/folder/", view_func=lambda: "in it", endpoint="folder")
    answer = app.test_client().get("/here/folder")
    assert answer.status_code == 308
    assert answer.headers["Location"].endswith("/here/folder/")


@pytest.mark.parametrize("key", ["k" * 16, "k" * 200, "0f3a5c1e-9d7b-4268", None])
def test_what_a_client_calls_its_request_by_is_told(app: Any, key: str | None) -> None:
    with app.test_request_context(headers={"Idempotency-Key": key} if key else {}):
        assert idempotency_key() == key


@pytest.mark.parametrize("key", ["", "k" * 15, "k" * 201, "a key with spaces in it", "chave com acentuação"])
def test_what_others_may_call_theirs_by_too_is_refused(app: Any, key: str) -> None:
    app.add_url_rule("/key", view_func=lambda: idempotency_key() or "", methods=["POST"])
    headers = {"Idempotency-Key": key.encode().decode("latin-1"), "Accept-Language": "pt"}
    sentence = "Idempotency-Key deve ter de 16 a 200 caracteres que ninguém adivinhe."
    is_problem(app.test_client().post("/key", headers=headers), 400, sentence)
