"""What holds of an HTTP API and its document: the same routes, and answers as the document says, whatever is asked."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import hypothesis
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from web import limiter

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SEED = 12
EXAMPLES = 4


def routes_of(app: Flask, prefix: str) -> set[tuple[str, str]]:
    """What programs call: everything but pages and their files."""
    return {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(f"{prefix}/api/") or rule.rule.endswith(("/healthz", "/readyz"))
    }


def documented(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The operations of the document."""
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def answers_as_documented(
    app: Flask,
    document: dict[str, Any],
    known: Mapping[str, str],
    good: Mapping[str, Callable[[], dict[str, Any]]],
    headers: Mapping[str, str] | None = None,
) -> Counter[tuple[str, int]]:
    """Ask each operation what fits the document and what does not; returns how often each answered with each status.

    `known`: values of parameters in paths for which there is something; `good`: makes the parts of a good request for
    an operation, where chance makes none.
    """
    schema = schemathesis.openapi.from_dict(document)
    schema.app = app
    seen: Counter[tuple[str, int]] = Counter()

    def ask(case: Any) -> None:
        limiter.reset()
        response = case.call(headers=dict(headers or {}))
        case.validate_response(response, checks=CHECKS)
        seen[case.operation.label, response.status_code] += 1

    for found in schema.get_all_operations():
        operation = found.ok()
        there = {one.name: known[one.name] for one in operation.path_parameters if one.name in known}
        asked = [*operation.query, *operation.headers, *operation.body]
        for mode in GenerationMode:
            for given in ({}, there):
                if mode.is_positive or asked:
                    options: dict[str, Any] = {"path_parameters": given} if given else {}
                    _try(operation.as_strategy(generation_mode=mode, **options), ask)
        if operation.label in good:
            ask(operation.Case(**good[operation.label]()))
    return seen


def _try(strategy: Any, ask: Callable[[Any], None]) -> None:
    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=strategy)
    def each(case: Any) -> None:
        ask(case)

    each()
