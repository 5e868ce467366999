"""Tells people what became of their pictures, and attendants that someone waits for them.

Consumes `notification`, `handoff` and `conversation`; sends e-mail and Telegram messages.
"""

import threading

from bus import Final, Memory, OperationFinished, Passing, Worker, load
from bus.conversation import ConversationChanged, HandoffRaised
from pictures import PictureSettings

from .channels import Channel, Contact, Message, addresses
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
            channels[name].send(address, message, told.event_id)
        except (Final, Passing) as error:
            failures.append(error)
            if isinstance(error, Passing):
                continue
        told.add(name)
    for failure in sorted(failures, key=lambda error: isinstance(error, Final)):
        raise failure


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
            channels["email"].send(settings.attendant_email, message, f"{subject} {begun.timestamp}")
        memory.keep(subject, waiting.to_json())


if __name__ == "__main__":
    worker.run()
