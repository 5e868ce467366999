"""JSON Schemas of the suite's types, with what their docstrings say."""

import ast
import inspect
import textwrap
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

REF = "#/components/schemas/{model}"


def schemas(types: Iterable[tuple[Any, Mode]]) -> tuple[dict[Any, Schema], dict[str, Schema]]:
    """The schema of each type, for reading it ("validation") or for writing it, and those that these refer to."""
    wanted: dict[Any, tuple[str, Mode, TypeAdapter[Any]]] = {
        one: (str(number), mode, TypeAdapter(one)) for number, (one, mode) in enumerate(dict(types).items())
    }
    found, definitions = TypeAdapter.json_schemas(wanted.values(), ref_template=REF, schema_generator=_Documented)
    shared = definitions.get("$defs", {})
    return {one: found[key, mode] for one, (key, mode, _adapter) in wanted.items()}, dict(sorted(shared.items()))


def inline(type: Any) -> Schema:
    """The schema of a type that refers to no other."""
    return TypeAdapter(type).json_schema(schema_generator=_Documented)


def text_of(documented: Any) -> str:
    """The docstring, each paragraph on a line of its own."""
    paragraphs = inspect.cleandoc(documented.__doc__ or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class _Documented(GenerateJsonSchema):
    """Describes classes and their attributes by their docstrings, and titles nothing."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> Schema:
        return _described(super().model_schema(schema), schema["cls"])

    def typed_dict_schema(self, schema: Any) -> Schema:
        return _described(super().typed_dict_schema(schema), schema["cls"])


def _described(schema: Schema, cls: type) -> Schema:
    schema.pop("title", None)
    schema.pop("description", None)
    described = {"description": text} if cls.__dict__.get("__doc__") and (text := text_of(cls)) else {}
    docs = _attribute_docs(cls)
    for name, field in schema.get("properties", {}).items():
        if name in docs:
            field.setdefault("description", docs[name])
        if field.get("default", "") is None and {"type": "null"} not in field.get("anyOf", ()):
            del field["default"]  # it stands for what is made when nothing is given
    return described | schema


def _attribute_docs(cls: Any) -> dict[str, str]:
    docs: dict[str, str] = {}
    for base in getattr(cls, "__orig_bases__", cls.__bases__):
        if isinstance(base, type) and base not in (object, BaseModel):
            docs |= _attribute_docs(base)
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    for attribute, doc in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(attribute, ast.AnnAssign) and isinstance(attribute.target, ast.Name):
            match doc:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    docs[attribute.target.id] = " ".join(text.split())
    return docs
