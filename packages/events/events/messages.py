"""The messages that the notifier sends: one event for each channel and address."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .event import Event
from .pictures import Name, Sentence


class _ToOneAddress(Event):
    channel: str
    address: Annotated[str, Field(min_length=1, max_length=320)]
    text: Sentence
    page: Name
    """The path of the page to open."""
    picture: Name | None = None
    """The picture to show small, a path below the store's root."""
    event_id: Annotated[str, Field(max_length=500)]
    """Of what the message tells: whoever has been told of it is not told again."""
    place: int | None = None
    """Its place in its recipient's line, if it has been put off."""
    put_off_at: float = Field(default=0.0, allow_inf_nan=False)
    """When it was put off first, in seconds since 1970."""
    given_up: bool = False
    """Whether it is a dead letter by now: it only makes room for the next one of its line."""

    @property
    def key(self) -> str:
        """The channel, a space and the address."""
        return f"{self.channel} {self.address}"


class EmailDue(_ToOneAddress):
    """Someone is to be told something by e-mail."""

    type: ClassVar[str] = "message.email-due"
    channel: Literal["email"] = "email"


class TelegramDue(_ToOneAddress):
    """Someone is to be told something by Telegram."""

    type: ClassVar[str] = "message.telegram-due"
    channel: Literal["telegram"] = "telegram"


MessageDue = EmailDue | TelegramDue


class MessageDelayed(Event):
    """A message waits before it is tried again."""

    type: ClassVar[str] = "message.delayed"

    message: Annotated[MessageDue, Field(discriminator="channel")]
    until: float = Field(default=0.0, allow_inf_nan=False)
    """Not to be tried before, where the other side has said so; in seconds since 1970."""

    @property
    def key(self) -> str:
        """That of the message."""
        return self.message.key
