"""The OpenAPI document of an HTTP API, from the rules of its Flask application and the types of its views."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal, get_args, get_origin, get_type_hints

from chatbot.backend import PREFIX as CHAT_PREFIX
from flask import Blueprint
from image_upload import app as image_upload
from image_upload.api import PREFIX as UPLOAD_PREFIX
from image_upload.settings import UploadSettings
from web import ProblemBody, WebApp
from web.attendant_auth import COOKIE
from web.operations import (
    BODY_FAULTS,
    COMMON_FAULTS,
    FILE_FAULTS,
    KEY_FAULTS,
    PATH_FAULTS,
    UPLOADING_FAULTS,
    WRITING_FAULTS,
    Fault,
    Operation,
)
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import Rule

from chatbot import app as chatbot

from .schemas import Mode, Schema, inline, schemas, text_of
from .words import ENGLISH

BODIES = {"body": "application/json", "form": "multipart/form-data"}
"""The media types of bodies, by the parameters of views that take them."""
PROBLEM = "application/problem+json"
EVENT_STREAM = "text/event-stream"
SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "ATTENDANT_TOKEN, or the token printed at start."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "What the console's login sets."},
}


@dataclass(frozen=True)
class Api:
    """An HTTP API of the suite."""

    name: str
    """Of its document."""
    service: str
    prefix: str
    blueprints: tuple[Blueprint, ...]

    def app(self) -> WebApp:
        """An application with the routes of the service, and nothing behind them."""
        app = WebApp(self.service, self.prefix, {}, dict)
        for blueprint in self.blueprints:
            app.register_blueprint(blueprint)
        return app


APIS = (
    Api("upload", "image-upload", UPLOAD_PREFIX, image_upload.BLUEPRINTS),
    Api("chat", "chatbot", CHAT_PREFIX, chatbot.BLUEPRINTS),
)


def document(api: Api) -> Schema:
    """Raises ValueError for a route of the API whose view says nothing of itself (`web.operation`)."""
    app = api.app()
    found = [_Described(app, rule) for rule in sorted(app.url_map.iter_rules(), key=str) if _is_of_api(api, rule)]
    types: dict[Any, Mode] = {ProblemBody: "serialization"}
    for one in found:
        types |= one.types()
    refs, shared = schemas(types.items())
    paths: dict[str, Schema] = defaultdict(dict)
    for one in found:
        paths[one.path][one.method] = one.to_json(refs)
    is_guarded = any(one.guards for one in found)
    about = ENGLISH["pages"][api.name]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about["title"],
            "version": version(api.service),
            "description": about["lede"],
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": UploadSettings.model_fields["public_url"].default}],
        "tags": [{"name": name} for name in dict.fromkeys(one.tag for one in found)],
        "paths": dict(paths),
        "components": {"schemas": shared} | ({"securitySchemes": SECURITY} if is_guarded else {}),
    }


def _is_of_api(api: Api, rule: Rule) -> bool:
    """Whether programs call it: the other routes are pages and their files."""
    return rule.rule.startswith(f"{api.prefix}/api/") or rule.rule in (f"{api.prefix}/healthz", f"{api.prefix}/readyz")


class _Described:
    """A route, and what is known of it."""

    def __init__(self, app: WebApp, rule: Rule):
        view: Any = app.view_functions[rule.endpoint]
        if not hasattr(view, "operation"):
            raise ValueError(f"{rule.rule}: its view has no types (web.operation)")
        blueprint, _, self.id = rule.endpoint.rpartition(".")
        self.tag = blueprint
        self.text = text_of(view)
        self.rule = rule
        (self.method,) = (method.lower() for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})
        self.path = re.sub("<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)
        self.hints = get_type_hints(view, include_extras=True)
        self.said: Operation = view.operation
        before: Iterable[Any] = app.before_request_funcs.get(blueprint, ())
        self.guards: list[Fault] = [fault for function in before for fault in getattr(function, "faults", ())]

    def types(self) -> dict[Any, Mode]:
        """The types that it names, and whether it reads or writes them."""
        found: dict[Any, Mode] = dict.fromkeys((self.said.events or {}).values(), "serialization")
        found |= {fault.body: "serialization" for fault in self.faults()}
        found |= {self.hints[name]: "validation" for name in BODIES if name in self.hints}
        if not self._is_raw:
            found[self._answer()[0]] = "serialization"
        return found

    def faults(self) -> Iterator[Fault]:
        yield from COMMON_FAULTS
        yield from WRITING_FAULTS if self.method != "get" else ()
        yield from PATH_FAULTS if self.rule.arguments else ()
        yield from BODY_FAULTS if "body" in self.hints else UPLOADING_FAULTS if "form" in self.hints else ()
        yield from KEY_FAULTS if "key" in self.hints else ()
        yield from FILE_FAULTS if self.said.media_types else ()
        yield from self.guards
        yield from self.said.faults

    def to_json(self, refs: dict[Any, Schema]) -> Schema:
        summary, _, more = self.text.partition("\n\n")
        first, dot, rest = summary.partition(". ")
        described = {"description": "\n\n".join(filter(None, (rest, more)))} if rest or more else {}
        made: Schema = {"operationId": self.id, "tags": [self.tag], "summary": (first + dot).strip().rstrip(".")}
        made |= described
        if parameters := [*self._in_path(), *self._in_query(), *self._in_header()]:
            made["parameters"] = parameters
        for name, media_type in BODIES.items():
            if name in self.hints:
                made["requestBody"] = {"required": True, "content": _content(media_type, refs[self.hints[name]])}
        if self.guards:
            made["security"] = [{name: []} for name in SECURITY]
        responses = self._successes(refs)
        for status, fault in self._faults(refs):
            answer = responses.setdefault(status, fault)
            answer["content"] |= fault["content"]
        made["responses"] = dict(sorted(responses.items()))
        return made

    @property
    def _is_raw(self) -> bool:
        return self.said.events is not None or bool(self.said.media_types)

    def _answer(self) -> tuple[Any, tuple[int, ...]]:
        """The type of what it answers, and with which statuses."""
        hint = self.hints["return"]
        parts = get_args(hint) if get_origin(hint) is tuple else (hint,)
        statuses = [status for part in parts if get_origin(part) is Literal for status in get_args(part)]
        return parts[0], tuple(statuses) or (200,)

    def _in_path(self) -> Iterator[Schema]:
        for name in re.findall("{(.+?)}", self.path):
            yield {"name": name, "in": "path", "required": True} | _apart(inline(self.hints[name]))

    def _in_query(self) -> Iterator[Schema]:
        model = inline(self.hints["query"]) if "query" in self.hints else {}
        for name, schema in model.get("properties", {}).items():
            yield {"name": name, "in": "query", "required": name in model.get("required", ())} | _apart(schema)

    def _in_header(self) -> Iterator[Schema]:
        if "key" in self.hints:
            schema = inline(self.hints["key"])
            (text,) = (one for one in schema.pop("anyOf") if one["type"] != "null")
            yield {"name": "Idempotency-Key", "in": "header", "required": False} | _apart(schema | text)

    def _successes(self, refs: dict[Any, Schema]) -> dict[str, Schema]:
        if self.said.events is not None:
            events = [_event(name, refs[one]) for name, one in self.said.events.items()]
            return {
                "200": {
                    "description": "Server-sent events; the schema is that of each. An event `ping` comes after 15 s "
                    "without news, and is to be passed over.",
                    "content": _content(EVENT_STREAM, {"oneOf": [*events, _event("ping")]}),
                }
            }
        if media_types := self.said.media_types:
            file: Schema = {"content": {media_type: {"schema": {}} for media_type in media_types}}
            return {
                "200": {"description": "The file."} | file,
                "206": {"description": "The part that `Range` asks for."} | file,
                "304": {"description": "It has not changed.", "content": {}},
            }
        answer, statuses = self._answer()
        return {
            str(status): {
                "description": f"{HTTP_STATUS_CODES[status]}.",
                "content": _content("application/json", refs[answer]),
            }
            for status in statuses
        }

    def _faults(self, refs: dict[Any, Schema]) -> Iterator[tuple[str, Schema]]:
        """One answer for each status, with the codes of all its faults."""
        codes: dict[int, dict[str, None]] = defaultdict(dict)
        bodies: dict[int, Any] = {}
        for fault in self.faults():
            codes[fault.status] |= dict.fromkeys(fault.codes)
            if fault.body is not ProblemBody:
                bodies[fault.status] = fault.body
        for status, named in codes.items():
            kinds = {
                "properties": {"status": {"const": status}, "type": {"enum": [f"urn:problem:{one}" for one in named]}}
            }
            body = {"allOf": [refs[bodies.get(status, ProblemBody)], kinds]}
            answer: Schema = {
                "description": f"{HTTP_STATUS_CODES[status]}: {', '.join(f'`{one}`' for one in named)}.",
                "content": _content(PROBLEM, body),
            }
            if status in (429, 503, 507):
                answer["headers"] = {"Retry-After": {"description": "In seconds.", "schema": {"type": "integer"}}}
            yield str(status), answer


def _content(media_type: str, schema: Schema) -> Schema:
    return {media_type: {"schema": schema}}


def _event(name: str, data: Schema | None = None) -> Schema:
    """A server-sent event; that without data has an empty one."""
    text: Schema = {"type": "string"}
    text |= {"const": ""} if data is None else {"contentMediaType": "application/json", "contentSchema": data}
    return {"type": "object", "properties": {"event": {"const": name}, "data": text}, "required": ["event", "data"]}


def _apart(schema: Schema) -> Schema:
    """The description of a parameter beside its schema."""
    schema = dict(schema)
    description = schema.pop("description", None)
    return ({"description": description} if description else {}) | {"schema": schema}
