"""The documents in the tree are those that the code makes, valid, and pages that need neither script nor network."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from documents import asyncapi, openapi
from documents.__main__ import FOLDER, files, main
from documents.asyncapi import HEADERS
from documents.openapi import APIS, Api
from documents.words import ENGLISH, PORTUGUESE
from events.catalogue import TOPICS, all_topics
from events.services import SERVICES
from flask import Blueprint
from jsonschema import Draft7Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from suite_fixtures import ROOT

ASYNCAPI_SCHEMA = ROOT / "tests/schemas/asyncapi-3.0.0.json"
PARTS_OF_PAGES = {"documents.css"}
"""What is written by hand."""


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return files()


@pytest.fixture(scope="module")
def topics() -> dict[str, Any]:
    return asyncapi.document()


def nodes(document: Any) -> Iterator[Any]:
    """All objects and lists of a document."""
    yield document
    for child in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from nodes(child)


def test_those_in_the_tree_are_those_that_the_code_makes(made: dict[str, str]) -> None:
    there = {
        str(path.relative_to(FOLDER)): path.read_text("utf-8")
        for path in FOLDER.rglob("*")
        if path.is_file() and path.name not in PARTS_OF_PAGES
    }
    assert there.keys() == made.keys(), "make documents"
    assert [name for name in made if there[name] != made[name]] == [], "make documents"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_the_documents_of_http_apis_are_openapi(api: Api) -> None:
    assert list(OpenAPIV31SpecValidator(openapi.document(api)).iter_errors()) == []


def test_the_document_of_topics_is_asyncapi(topics: dict[str, Any]) -> None:
    errors = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text("utf-8"))).iter_errors(topics)
    assert [error.message for error in errors] == []


def test_what_the_documents_refer_to_is_there(made: dict[str, str]) -> None:
    for name, text in made.items():
        if name.endswith(".json"):
            document = json.loads(text)
            refs = {node["$ref"] for node in nodes(document) if isinstance(node, dict) and "$ref" in node}
            assert refs
            for ref in refs:
                found = document
                for part in ref.removeprefix("#/").split("/"):
                    found = found[part]


def test_a_route_without_types_is_no_api() -> None:
    bare = Blueprint("bare", __name__, url_prefix="/bare")
    bare.add_url_rule("/api/things", view_func=dict)
    with pytest.raises(ValueError, match="/bare/api/things: its view has no types"):
        openapi.document(Api("upload", "image-upload", "/bare", (bare,)))


def test_every_topic_is_a_channel_with_what_each_service_does_there(topics: dict[str, Any]) -> None:
    assert topics["channels"].keys() == set(all_topics())
    done = {(one["tags"][0]["name"], one["action"], one["channel"]["$ref"]) for one in topics["operations"].values()}
    for service in SERVICES:
        wanted = {(service.name, "send", f"#/channels/{topic}") for topic in service.publishes}
        reads = all_topics() if service.reads == ("*",) else service.reads
        assert wanted | {(service.name, "receive", f"#/channels/{topic}") for topic in reads} <= done
    for name, topic in TOPICS.items():
        groups = {
            one["bindings"]["kafka"]["groupId"]["const"]
            for one in topics["operations"].values()
            if one["channel"]["$ref"] == f"#/channels/{name}" and "bindings" in one
        }
        assert groups == set(topic.consumers), name


def test_every_header_that_is_described_is_one(topics: dict[str, Any]) -> None:
    carried = [one.get("headers", {}).get("properties", {}) for one in topics["components"]["messages"].values()]
    assert {name for properties in carried for name in properties} == HEADERS.keys()


def test_an_event_is_as_its_schema_says(topics: dict[str, Any]) -> None:
    uploaded = TOPICS["image"].event.model_validate({"new_file": "XtQCd1PjhD.jpeg"}).encoded()
    schema = topics["components"]["schemas"]["ImageUploaded"]
    assert list(Draft7Validator(schema).iter_errors(json.loads(uploaded.value))) == []
    assert schema["required"] == ["new_file"]
    assert list(Draft7Validator(schema).iter_errors({"new_file": ""})) != []


def test_pages_need_neither_script_nor_style_of_their_own_nor_network(made: dict[str, str]) -> None:
    for name, text in made.items():
        if name.endswith(".html"):
            assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", text), name
            for address in re.findall(r'(?:href|src)="([^"]*)"', text):
                assert re.match(r"[./#]|[a-z]+\.html$", address), address


def test_links_of_pages_lead_somewhere(made: dict[str, str]) -> None:
    served = {path.name for path in (ROOT / "packages/web/web/static").iterdir()}
    for name, text in made.items():
        if not name.endswith(".html"):
            continue
        anchors = re.findall(r'\sid="([^"]*)"', text)
        assert len(anchors) == len(set(anchors)), name
        for address in re.findall(r'(?:href|src)="([^"]*)"', text):
            path, _, anchor = address.partition("#")
            if not path:
                assert anchor in anchors, address
            elif path.startswith("/"):
                assert path == "/" or path[1:] in served, address
            else:
                target = ((FOLDER / name).parent / path).resolve()
                assert (target / "index.html" if target.is_dir() else target).is_file(), address


def test_both_languages_have_the_same_words() -> None:
    def keys(words: Any) -> Any:
        return {name: keys(value) for name, value in words.items()} if isinstance(words, dict) else None

    assert keys(ENGLISH) == keys(PORTUGUESE)


def test_what_was_made_before_and_is_no_more_is_removed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("documents.__main__.ROOT", tmp_path)
    (tmp_path / "old.html").write_text("old")
    (tmp_path / "documents.css").write_text("by hand")
    main(tmp_path)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {*files(), "documents.css"}
