"""Tells people what became of their pictures, and attendants that someone waits for them.

Consumes `notification`, `handoff` and `conversation`; sends e-mail and Telegram messages.
"""

import threading
import time

from bus import Final, Memory, OperationFinished, Passing, Worker, load
from bus.conversation import ConversationChanged, HandoffRaised
from pictures import PictureSettings

from .channels import Channel, Contact, Message, PutOff, addresses
from .email import Email
from .sentences import call, sentence
from .settings import NotifierSettings
from .telegram import Telegram
from .thumbnails import Thumbnails
from .waiting import Waiting

settings = load(NotifierSettings)
thumbnails = Thumbnails(load(PictureSettings).store)
channels: dict[str, Channel] = {"email": Email(settings), "telegram": Telegram(settings)}
fixed = Contact(settings.notify_email, settings.notify_telegram_id)
worker = Worker("notifier")
PATIENCE = 24 * 3600.0
"""Seconds for which a recipient may be put off; those of a server that is away have no end."""
one_at_a_time = threading.Lock()
"""Calls and changes come in two threads: while a mail leaves, the other must not change what is kept after it."""


@worker.on("notification", side_by_side=4)
def notify(finished: OperationFinished, told: Memory) -> None:
    """Tell each address once. One that never can be told is no reason not to tell the other."""
    failures: list[Final | Passing] = []
    for name, address in addresses(finished, fixed):
        if name in told:
            continue
        try:
            message = Message(sentence(finished), "/upload/", thumbnails.of(finished.result))
            send(name, address, message, told.event_id, told)
        except (Final, Passing) as error:
            failures.append(error)
            if isinstance(error, Passing):
                continue
        told.add(name)
    for failure in sorted(failures, key=lambda error: isinstance(error, Final)):
        raise failure


def send(name: str, address: str, message: Message, event_id: str, memory: Memory) -> None:
    """Send it, as the channel of that name does; Final where the recipient has been put off for a day."""
    try:
        channels[name].send(address, message, event_id)
    except PutOff as error:
        subject = f"{event_id} {name} put off"
        if (since := memory.recall(subject)) is None:
            memory.keep(subject, time.time())
        elif time.time() - since > PATIENCE:
            raise Final(f"{error}, for a day") from None
        raise


@worker.on("handoff")
def raised(handoff: HandoffRaised, memory: Memory) -> None:
    call_attendants(handoff, memory)


@worker.on("conversation")
def changed(change: ConversationChanged, memory: Memory) -> None:
    call_attendants(change, memory)


def call_attendants(event: HandoffRaised | ConversationChanged, memory: Memory) -> None:
    """Mail the attendants when a waiting begins with the event: once, not for each message."""
    if settings.attendant_email is None:
        return
    subject = f"conversation {event.sessao}"
    with one_at_a_time:
        waiting, begun = Waiting.from_json(memory.recall(subject)).after(event)
        if begun:
            message = Message(call(begun), "/chat/attendant")
            send("email", settings.attendant_email, message, f"{subject} {begun.timestamp}", memory)
        memory.keep(subject, waiting.to_json())


if __name__ == "__main__":
    worker.run()
