"""Summaries and records of no broker."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from observer.summary import Summary


@dataclass
class Record:
    """A record as the library gives it."""

    topic: str = "image"
    partition: int = 0
    offset: int = 0
    timestamp: int = 1_000
    key: bytes | None = b"abc"
    value: bytes | None = b"{}"
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def summary(topic: str = "image", offset: int = 0, at: int = 1_000, **fields: Any) -> Summary:
    place = f"{topic}/0/{offset}"
    nothing = dict.fromkeys(("type", "source", "key", "cause", "trace", "session", "picture"))
    given = {"topic": topic, "partition": 0, "offset": offset, "at": at, "id": place, "bytes": 2}
    return Summary(**nothing | given | fields)


@pytest.fixture(scope="session")
def fakes() -> Any:
    """`fakes.Record(...)`, `fakes.summary(...)`, `fakes.json(...)`."""
    return type(
        "Fakes",
        (),
        {
            "Record": Record,
            "summary": staticmethod(summary),
            "json": staticmethod(lambda one: json.dumps(one).encode()),
        },
    )
