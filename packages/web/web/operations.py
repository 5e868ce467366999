"""Operations of an HTTP API: what each takes and answers, in types.

A view is written with its types, and `operation` reads the request by them; the OpenAPI documents are made from the
same (`make documents`), so that they say what the code does. Parameters of a view are known by their names: `query`,
`body` (JSON) and `form` (multipart) are pydantic models, `key` is the idempotency key, all others are in the path. What
it answers is its return type: a TypedDict, alone or in a tuple with its statuses, `tuple[Accepted, Literal[202]]`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, get_type_hints

from flask import request
from flask_babel import gettext as _
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest

from .idempotency import idempotency_key
from .problems import Problem, ProblemBody, code_of

Model = TypeVar("Model", bound=BaseModel)
View = Callable[..., Any]


@dataclass(frozen=True)
class Fault:
    """A problem that an operation may answer."""

    status: int
    codes: tuple[str, ...]
    """The ends of its `type`."""
    body: type = ProblemBody


def fault(status: int, *codes: str, body: type = ProblemBody) -> Fault:
    """A fault with those codes; without any, with the one that Flask's own errors of this status have."""
    return Fault(status, codes or (code_of(status),), body)


@dataclass(frozen=True)
class Operation:
    """What the types of a view do not tell of it."""

    faults: tuple[Fault, ...] = ()
    events: Mapping[str, Any] | None = None
    """The types of the data of its server-sent events, by name."""
    media_types: tuple[str, ...] = ()
    """Of the file that it answers."""


COMMON_FAULTS = (fault(421, "host"), fault(503, "stopping", "away"))
"""Of every operation: another name than the suite's own; a service that ends, or is not there."""
WRITING_FAULTS = (fault(403, "cross-site"),)
"""Of every operation that changes something."""
PATH_FAULTS = (fault(404),)
"""Of every operation with a parameter in its path: what cannot be one is another address."""
UPLOADING_FAULTS = (fault(400), fault(408), fault(413, code_of(413), "too-large"))
"""Of every operation with a body, from the application or the gateway."""
BODY_FAULTS = (*UPLOADING_FAULTS, fault(415), fault(422, "not-an-object", "missing-field", "wrong-type"))
"""Of every operation with a JSON body."""
KEY_FAULTS = (fault(400, "idempotency-key"),)
FILE_FAULTS = (fault(416),)


def operation(
    *faults: Fault, events: Mapping[str, Any] | None = None, media_types: Iterable[str] = ()
) -> Callable[[View], View]:
    """Decorates a view, closest to it, which is then called with what its parameters ask for.

    `faults`, `events` and `media_types` are what its types do not tell.
    """

    def decorate(view: View) -> View:
        hints = get_type_hints(view)
        readers = {name: reader for name, reader in _READERS.items() if name in hints}

        @wraps(view)
        def with_request(**path: Any) -> Any:
            return view(**path, **{name: reader(hints[name]) for name, reader in readers.items()})

        with_request.operation = Operation(faults, events, tuple(media_types))  # type: ignore[attr-defined]
        return with_request

    return decorate


def guard(*faults: Fault) -> Callable[[View], View]:
    """Decorates a `before_request` function of a blueprint that lets only some pass; tells what the others get."""

    def decorate(function: View) -> View:
        function.faults = faults  # type: ignore[attr-defined]
        return function

    return decorate


def read(model: type[Model], values: Any) -> Model:
    """`values` as `model`. Raises Problem (422) if a field is missing or no text; the rest is for its validators."""
    try:
        return model.model_validate(values)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        field = ".".join(map(str, error["loc"]))
        if error["type"] == "missing":
            raise Problem(422, "missing-field", _('The field "%(field)s" is missing.', field=field)) from None
        raise Problem(422, "wrong-type", _('The field "%(field)s" must be a string.', field=field)) from None


def json_of_request() -> Any:
    """The JSON of the body. Raises Problem (400, 415) where it has none, or one that is nested too deep."""
    try:
        return request.get_json()
    except RecursionError:
        raise BadRequest from None


def _json_body() -> Any:
    body = json_of_request()
    if not isinstance(body, dict):
        raise Problem(422, "not-an-object", _("The body must be a JSON object."))
    return body


def _form() -> dict[str, Any]:
    return request.form.to_dict() | {"file": request.files.getlist("file")}


_READERS: dict[str, Callable[[Any], Any]] = {
    "query": lambda model: read(model, request.args.to_dict()),
    "body": lambda model: read(model, _json_body()),
    "form": lambda model: read(model, _form()),
    "key": lambda _hint: idempotency_key(),
}
