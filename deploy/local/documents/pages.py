"""The documents as pages that people read, without script or network, in both languages."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from events.catalogue import TOPICS, consumers
from events.services import ALL_TOPICS, SERVICES
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from .schemas import Schema
from .words import WORDS, Words

LANGUAGES = ("en", "pt-BR")


@dataclass(frozen=True)
class Document:
    """A document, and the file that holds it."""

    name: str
    """Of its page, and of its words."""
    file: str
    content: Schema

    @property
    def page(self) -> str:
        return f"{self.name}.html"


def pages(documents: list[Document]) -> dict[str, str]:
    """The pages, by their paths below `/documents/`: one for each document, and one that leads to them."""
    return {
        f"{'' if lang == 'en' else f'{lang}/'}{name}": text
        for lang in LANGUAGES
        for name, text in _in_language(lang, documents).items()
    }


def _in_language(lang: str, documents: list[Document]) -> dict[str, str]:
    words = WORDS[lang]
    shared = {"lang": lang, "w": words, "base": "./" if lang == "en" else "../"}
    listed = [{"name": one.page, "file": one.file} | words["pages"][one.name] for one in documents]
    made = {"index.html": _rendered("index.html", shared | {"name": "", "title": words["documents"], "pages": listed})}
    for one in documents:
        about = {"name": one.page, "file": one.file, "document": one.content} | words["pages"][one.name]
        template, more = ("asyncapi.html", _topics) if "asyncapi" in one.content else ("openapi.html", _operations)
        made[one.page] = _rendered(template, shared | about | more(one.content, words))
    return made


def _operations(document: Schema, words: Words) -> Schema:
    """The operations by their tags, each with its path without what all paths share."""
    tags: dict[str, list[Schema]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            short = path.partition("/api")[2] or f"/{path.rpartition('/')[2]}"
            tags[one["tags"][0]].append({"method": method, "path": path, "short": short, "parameters": []} | one)
    return {"tags": {tag: tags[tag] for tag in sorted(tags, key=words["tags_in_order"].index)}}


def _topics(document: Schema, words: Words) -> Schema:
    messages = document["components"]["messages"]
    topics = [
        {
            "name": name,
            "message": messages[topic.event.__name__],
            "senders": [service.name for service in SERVICES if name in service.publishes],
            "groups": topic.consumers,
            "pages": [service.name for service in SERVICES if service.page and {name, ALL_TOPICS} & {*service.reads}],
        }
        for name, topic in TOPICS.items()
    ]
    event = messages[next(iter(TOPICS.values())).event.__name__]
    carried = {"event": event} | {name: messages[name] for name in ("DeadLetter", "Replay", "Dropped")}
    return {
        "topics": topics,
        "runtime": {name: one for name, one in document["channels"].items() if name not in TOPICS},
        "headers": [(name, words["carried"][name], _any_event(one["headers"])) for name, one in carried.items()],
        "services": [one for one in SERVICES if one.name in consumers() or one.page],
    }


def _any_event(headers: Schema) -> Schema:
    """The headers without what differs between types of events."""
    properties = {
        name: {key: value for key, value in header.items() if name != "ce_type" or key != "const"}
        for name, header in headers["properties"].items()
    }
    return headers | {"properties": properties}


def _coded(text: str) -> Markup:
    """`text`, whose words between backticks are shown as code."""
    code = Markup("<code>{}</code>")
    parts = enumerate(text.split("`"))
    return Markup("").join(code.format(part) if number % 2 else escape(part) for number, part in parts)


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_templates.filters["coded"] = _coded


def _rendered(template: str, context: dict[str, Any]) -> str:
    return _templates.get_template(template).render(context)
