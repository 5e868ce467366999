"""Notifies people of the results of their pictures, and attendants of customers who wait for them.

Consumes `notification`, `handoff` and `conversation`, and makes of them messages, one for each address, on a topic for
each channel. Sends these by e-mail and Telegram; what a recipient does not accept now waits on `notifier.delay`.
"""

import threading
import time

from bus import State, Worker
from events import Event, OperationFinished
from events.conversation import ConversationChanged, HandoffRaised
from events.messages import EmailDue, MessageDelayed, MessageDue, TelegramDue
from pictures import PictureSettings
from service import load

from .channels import Channel, Contact, addresses
from .email import Email
from .sender import Sender
from .sentences import call, sentence
from .settings import NotifierSettings
from .telegram import Telegram
from .thumbnails import Thumbnails
from .waiting import Waiting

DELAY_SECONDS = 30.0
"""Time between two attempts for a recipient who does not accept messages now."""
DUE: dict[str, type[MessageDue]] = {"email": EmailDue, "telegram": TelegramDue}

settings = load(NotifierSettings)
channels: dict[str, Channel] = {"email": Email(settings), "telegram": Telegram(settings)}
sender = Sender(channels, Thumbnails(load(PictureSettings).store))
default_contact = Contact(settings.notify_email, settings.notify_telegram_id)
worker = Worker("notifier")
attendants_lock = threading.Lock()
"""The two topics are handled in two threads; while one changes the state of a conversation, the other must not."""


@worker.on("notification", publishes=("notifier.email", "notifier.telegram"))
def notify(finished: OperationFinished, state: State) -> list[MessageDue]:
    """One message for each address. The marks are those of earlier versions, which sent the messages here."""
    return [
        DUE[channel](
            address=address,
            text=sentence(finished),
            page="/upload/",
            picture=finished.result,
            event_id=state.event_id,
        )
        for channel, address in addresses(finished, default_contact)
        if channel not in state
    ]


@worker.on("handoff", publishes="notifier.email")
def on_handoff(handoff: HandoffRaised, state: State) -> EmailDue | None:
    return alert_attendants(handoff, state)


@worker.on("conversation", publishes="notifier.email")
def on_conversation_change(change: ConversationChanged, state: State) -> EmailDue | None:
    return alert_attendants(change, state)


def alert_attendants(event: HandoffRaised | ConversationChanged, state: State) -> EmailDue | None:
    """A mail to the attendants if a customer starts to wait: once per waiting period, not per message.

    The call is kept under the event too: when that is delivered again, the waiting period has started already.
    """
    if settings.attendant_email is None:
        return None
    conversation, called = f"conversation {event.sessao}", f"called {state.event_id}"
    with attendants_lock:
        waiting, started_by = Waiting.from_json(state.get(conversation)).after(event)
        if started_by:
            state.put(called, started_by.model_dump())
        state.put(conversation, waiting.to_json())
        kept = state.get(called)
    if kept is None:
        return None
    handoff = HandoffRaised.model_validate(kept)
    return EmailDue(
        address=settings.attendant_email,
        text=call(handoff),
        page="/chat/attendant",
        event_id=f"{conversation} {handoff.timestamp}",
    )


@worker.on("notifier.email", publishes=("notifier.email", "notifier.delay"), concurrency=4, ordered_by="key")
def send_email(due: EmailDue, state: State) -> MessageDue | MessageDelayed | None:
    return sender.deliver(due, state)


@worker.on("notifier.telegram", publishes=("notifier.telegram", "notifier.delay"), concurrency=4, ordered_by="key")
def send_telegram(due: TelegramDue, state: State) -> MessageDue | MessageDelayed | None:
    return sender.deliver(due, state)


@send_email.on_failure
@send_telegram.on_failure
def on_dead_letter(due: MessageDue, _error: Exception) -> MessageDue | None:
    """Those that wait behind a message that is given up go on."""
    waits = due.place is not None and not due.given_up
    return due.model_copy(update={"given_up": True}) if waits else None


@worker.on(
    "notifier.delay",
    publishes=("notifier.email", "notifier.telegram", "notifier.delay"),
    delay_seconds=DELAY_SECONDS,
)
def try_again(delayed: MessageDelayed) -> Event:
    """A message that has waited; it waits on where its recipient's server has asked for more time."""
    return delayed if delayed.until > time.time() else delayed.message


if __name__ == "__main__":
    worker.run()
