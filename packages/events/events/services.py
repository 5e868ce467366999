"""The services of the suite, as services.json beside this file lists them.

A service with a `page` is reached through the gateway, and reads its topics on behalf of that page; any other reads
them in a consumer group that has its name.
"""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

ALL_TOPICS = "*"


class Words(BaseModel):
    """How people read of a service, in one language."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    does: str
    label: str | None = None
    """What its results are called on the page for pictures."""
    sentence: str | None = None
    """That its operation is done; `{name}` stands for the file."""


class Service(BaseModel):
    """What a service reads and publishes, and what it does to pictures: its `operation`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    reads: tuple[str, ...]
    """Topics; ALL_TOPICS alone, where it looks at whatever there is."""
    publishes: tuple[str, ...]
    page: str | None = None
    operation: str | None = None
    remembers: bool = False
    """Whether it keeps in a topic of its own what it has done."""
    english: Words = Field(alias="en")
    portuguese: Words = Field(alias="pt-BR")

    def words(self, lang: str | None) -> Words:
        return self.portuguese if lang == "pt-BR" else self.english


LIST = Path(__file__).with_name("services.json")

SERVICES = tuple(
    Service.model_validate({"name": name} | entry) for name, entry in json.loads(LIST.read_text("utf-8")).items()
)

OPERATIONS = {service.operation: service for service in SERVICES if service.operation}
