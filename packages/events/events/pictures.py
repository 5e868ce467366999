"""The events of the picture pipeline."""

import time
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from .event import Event

Language = Literal["pt-BR", "en"]


def _known_language(value: Any) -> Any:
    return value if value in ("pt-BR", "en") else "pt-BR"


StoredName = Annotated[str, Field(min_length=1, max_length=255)]
Name = Annotated[str, Field(max_length=10_000)]
Email = Annotated[str, Field(max_length=320)]
TelegramId = Annotated[str, Field(max_length=64)]
Sentence = Annotated[str, Field(max_length=10_000)]
Lang = Annotated[Language, BeforeValidator(_known_language)]


class ImageUploaded(Event):
    """A picture is in the store. Foreign producers publish it with `timestamp` and `new_file` only."""

    type: ClassVar[str] = "image.uploaded"

    timestamp: float = Field(default_factory=time.time, allow_inf_nan=False)
    new_file: StoredName
    original_name: Name = ""
    email: Email | None = None
    telegram_id: TelegramId | None = None
    lang: Lang = "pt-BR"

    def model_post_init(self, _context: Any, /) -> None:
        if not self.original_name:
            object.__setattr__(self, "original_name", self.new_file)

    @property
    def id(self) -> str:
        """The picture's id: its stored name without the extension."""
        return self.new_file.rpartition(".")[0] or self.new_file

    @property
    def key(self) -> str:
        """The id of the picture: its stored name without the extension."""
        return self.id

    def finished(self, operation: str, result: str) -> "OperationFinished":
        """The event that says that `operation` has written `result`, a path below the store's root."""
        return self._answer(operation, status="done", result=result)

    def failed(self, operation: str, reason: str) -> "OperationFinished":
        """The event that says that `operation` failed for good; `reason` is a sentence in the upload's language."""
        return self._answer(operation, status="failed", reason=reason)

    def _answer(self, operation: str, **outcome: Any) -> "OperationFinished":
        carried = self.model_dump(include={"new_file", "original_name", "email", "telegram_id", "lang"})
        return OperationFinished(timestamp=time.time(), operation=operation, **carried, **outcome)


class OperationFinished(Event):
    """A worker has finished, or given up, its operation on an upload."""

    type: ClassVar[str] = "image.operation-finished"

    timestamp: float = Field(allow_inf_nan=False)
    new_file: StoredName
    original_name: Name
    operation: Name
    status: Literal["done", "failed"]
    result: Name | None = None
    reason: Sentence | None = None
    email: Email | None = None
    telegram_id: TelegramId | None = None
    lang: Lang = "pt-BR"

    @property
    def key(self) -> str:
        """The id of the picture: its stored name without the extension."""
        return self.new_file.rpartition(".")[0] or self.new_file

    @property
    def subject(self) -> str:
        """A failure and a later success are two events: whoever was told of the one has to be told of the other."""
        return self.operation if self.status == "done" else f"{self.operation} {self.status}"
