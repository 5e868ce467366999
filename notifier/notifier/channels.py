"""The interface of the channels through which people are notified."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from bus import RetryableError
from events import OperationFinished


class Contact(NamedTuple):
    """The addresses of a person, by channel."""

    email: str | None = None
    telegram: str | None = None


class Message(NamedTuple):
    """A notification: `text` is one line, `page` the path of the page to open, `thumbnail` a JPEG."""

    text: str
    page: str
    thumbnail: bytes | None = None


class RecipientDeferred(RetryableError):
    """The server defers this message for a reason that concerns its recipient only, such as greylisting."""


class Channel(Protocol):
    """A channel through which people are notified, such as e-mail."""

    def send(self, address: str, message: Message, event_id: str) -> None:
        """Send one message; `event_id` lets the receiving side recognise duplicates.

        Raises RetryableError if a retry may succeed, RecipientDeferred if the reason concerns the recipient only, and
        PermanentError if no retry can succeed.
        """


def addresses(finished: OperationFinished, default: Contact) -> Iterator[tuple[str, str]]:
    """The channels and addresses to notify: those of the upload, or `default` if it has none."""
    named = Contact(finished.email or None, finished.telegram_id or None)
    contact = named if any(named) else default
    return ((channel, address) for channel, address in contact._asdict().items() if address)
