"""The OpenAPI document of the service says what it does."""

from typing import Any

import pytest
from api_documents import answers_as_documented, documented, routes_of
from documents.openapi import APIS, document

(API,) = (api for api in APIS if api.service == "chatbot")


@pytest.fixture(scope="module")
def chat_document() -> dict[str, Any]:
    return document(API)


def test_it_has_every_route_and_no_other(harness: Any, chat_document: dict[str, Any]) -> None:
    routes = {(method, rule.replace("<sessao:sessao>", "{sessao}")) for method, rule in routes_of(harness.app, "/chat")}
    assert documented(chat_document) == routes


def test_answers_are_as_it_says(harness: Any, token: str, chat_document: dict[str, Any], conversation: Any) -> None:
    message = conversation.said("Que horror!")
    for record in (message, conversation.classified(message), conversation.raised(message)):
        harness.broker.deliver(record)
    harness.hub.close()

    def taken(**body: str) -> dict[str, Any]:
        sessao = harness.begin()
        assert harness.attend(sessao, "take", atendente="Bia").status_code == 200
        return {"path_parameters": {"sessao": sessao}, "body": {"atendente": "Bia"} | body}

    attendants = "POST /chat/api/attendant/sessions/{sessao}"
    good = {
        f"{attendants}/take": taken,
        f"{attendants}/release": taken,
        f"{attendants}/close": taken,
        f"{attendants}/messages": lambda: taken(mensagem="Boa tarde."),
    }
    known, headers = {"sessao": conversation.sessao}, {"Authorization": f"Bearer {token}"}
    seen = answers_as_documented(harness.app, chat_document, known, good, headers)
    for method, path in documented(chat_document):
        assert seen[f"{method} {path}", 201 if path.endswith("/sessions") and method == "POST" else 200], path
    assert {400, 404, 409, 422} <= {status for _operation, status in seen}


def test_it_says_what_attendants_alone_may_do(harness: Any, chat_document: dict[str, Any]) -> None:
    for path, methods in chat_document["paths"].items():
        for method, operation in methods.items():
            answer = harness.client.open(path.replace("{sessao}", harness.begin()), method=method, json={})
            assert (answer.status_code == 403) == ("security" in operation), path
            assert ("403" in operation["responses"]) or "security" not in operation
