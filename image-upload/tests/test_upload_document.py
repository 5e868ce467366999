"""The OpenAPI document of the service says what it does."""

import copy
from typing import Any

import pytest
from api_documents import answers_as_documented, documented, routes_of
from documents.openapi import APIS, document
from schemathesis.core.failures import FailureGroup

(API,) = (api for api in APIS if api.service == "image-upload")


@pytest.fixture(scope="module")
def upload_document() -> dict[str, Any]:
    return document(API)


def test_it_has_every_route_and_no_other(harness: Any, upload_document: dict[str, Any]) -> None:
    routes = {(method, rule.replace("<", "{").replace(">", "}")) for method, rule in routes_of(harness.app, API.prefix)}
    assert documented(upload_document) == routes


def test_answers_are_as_it_says(harness: Any, samples: Any, upload_document: dict[str, Any]) -> None:
    (image,) = harness.accepted(("perfil.png", samples.picture()))
    harness.finish(image, "rotate", samples.picture(seed=1))
    harness.backend.hub.close()
    known = {"id": image["id"], "which": "rotate"}
    sent = {"file": [samples.picture(seed=2)], "email": "ana@example.org"}
    seen = answers_as_documented(
        harness.app, upload_document, known, {"POST /upload/api/images": lambda: {"body": sent}}
    )
    for method, path in documented(upload_document):
        assert seen[f"{method} {path}", 202 if method == "POST" else 200], path
    assert {400, 404} <= {status for _operation, status in seen}


def test_an_answer_that_it_does_not_have_is_noticed(harness: Any, upload_document: dict[str, Any]) -> None:
    one, state = (
        copy.deepcopy(upload_document["paths"][path]) for path in ("/upload/api/images/{id}", "/upload/readyz")
    )
    del one["get"]["responses"]["404"]
    state["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "integer"}
    for path, wrong, what in (
        ("/upload/api/images/{id}", one, "Undocumented status code"),
        ("/upload/readyz", state, "violates schema"),
    ):
        with pytest.raises(FailureGroup, match=what):
            answers_as_documented(harness.app, upload_document | {"paths": {path: wrong}}, {}, {})
