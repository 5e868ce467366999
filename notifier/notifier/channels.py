"""What all ways to reach a person have in common."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from bus import OperationFinished, Passing


class Contact(NamedTuple):
    """The fixed contact: who is told where an upload names nobody."""

    email: str | None = None
    telegram: str | None = None


class Message(NamedTuple):
    """What a person is told: `text` is one line, `page` the path of where to go, `thumbnail` a JPEG."""

    text: str
    page: str
    thumbnail: bytes | None = None


class PutOff(Passing):
    """The other side does not take this message now, for a reason that is of its recipient alone."""


class Channel(Protocol):
    """A way to reach a person."""

    def send(self, address: str, message: Message, event_id: str) -> None:
        """Send one message; `event_id` tells doubles apart.

        Raises Passing where a later try may succeed, PutOff where that is for the recipient to mend, Final where none
        will.
        """


def addresses(finished: OperationFinished, fixed: Contact) -> Iterator[tuple[str, str]]:
    """Channels and addresses to be told: those of the upload, or the fixed contact where it names none."""
    named = Contact(finished.email or None, finished.telegram_id or None)
    contact = named if any(named) else fixed
    return ((channel, address) for channel, address in contact._asdict().items() if address)
