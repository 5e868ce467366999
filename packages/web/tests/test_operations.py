"""Views are called with what their parameters ask for; what a request lacks is a problem."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel
from typing_extensions import TypedDict
from web import IdempotencyKey, Problem, WebApp, fault, operation

KEY = "0123456789abcdef"


def short(text: str) -> str:
    if len(text) > 5:
        raise Problem(413, "too-long", "Too long.")
    return text


class Asked(BaseModel):
    page: str = "first"


class Said(BaseModel):
    name: Annotated[str, AfterValidator(short)]


class Heard(TypedDict):
    said: list[str | None]


@pytest.fixture
def say(app: WebApp) -> Any:
    """Posts a JSON body to a view that takes a part of its path, a query, a body and a key, and answers with them."""

    @app.post("/here/said/<where>")
    @operation(fault(413, "too-long"))
    def said(where: str, query: Asked, body: Said, key: IdempotencyKey) -> tuple[Heard, Literal[201]]:
        return {"said": [where, query.page, body.name, key]}, 201

    client = app.test_client()
    return lambda json, query="", **headers: client.post(f"/here/said/there{query}", json=json, headers=headers)


def test_a_view_is_called_with_what_it_asks_for(say: Any) -> None:
    answer = say({"name": "Ana", "more": 1}, "?page=2&page=3", **{"Idempotency-Key": KEY})
    assert (answer.status_code, answer.get_json()) == (201, {"said": ["there", "2", "Ana", KEY]})
    assert say({"name": "Ana"}).get_json() == {"said": ["there", "first", "Ana", None]}


@pytest.mark.parametrize(
    ("body", "code", "english", "portuguese"),
    [
        ({}, "missing-field", 'The field "name" is missing.', 'Falta o campo "name".'),
        ({"name": 7}, "wrong-type", 'The field "name" must be a string.', 'O campo "name" deve ser um texto.'),
        ({"name": None}, "wrong-type", 'The field "name" must be a string.', 'O campo "name" deve ser um texto.'),
        ([], "not-an-object", "The body must be a JSON object.", "O corpo deve ser um objeto JSON."),
    ],
)
def test_a_body_that_will_not_do_is_a_problem(say: Any, body: Any, code: str, english: str, portuguese: str) -> None:
    for lang, sentence in (("en", english), ("pt-BR", portuguese)):
        answer = say(body, **{"Accept-Language": lang})
        assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
        assert (answer.get_json()["type"], answer.get_json()["detail"]) == (f"urn:problem:{code}", sentence)


def test_the_problem_of_a_validator_is_answered_as_it_is(say: Any) -> None:
    assert (say({"name": "Anabela"}).status_code, say({"name": "Anabela"}).get_json()["type"]) == (
        413,
        "urn:problem:too-long",
    )


def test_a_key_of_another_form_is_a_problem(say: Any) -> None:
    assert say({"name": "Ana"}, **{"Idempotency-Key": "short"}).status_code == 400


def test_a_view_keeps_what_documents_say_of_it(app: WebApp) -> None:
    @operation(fault(404), events={"said": Heard})
    def heard() -> Any:
        """What was said."""

    (not_found,) = heard.operation.faults  # type: ignore[attr-defined]
    assert (not_found.status, not_found.codes) == (404, ("not-found",))
    assert heard.operation.events == {"said": Heard}  # type: ignore[attr-defined]
    assert heard.__doc__ == "What was said."
