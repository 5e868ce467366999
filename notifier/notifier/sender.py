"""Sends messages, each recipient's in order, and puts off those whose recipient does not accept them now."""

import time
from collections.abc import Mapping

from bus import PermanentError, State
from events.messages import MessageDelayed, MessageDue

from .channels import Channel, Message, RecipientDeferred
from .line import Line
from .thumbnails import Thumbnails

QUICK_ATTEMPTS = 4
"""How often a message is tried, within a few seconds, before it is put off."""
MAX_DEFERRAL_SECONDS = 24 * 3600.0
"""A message that its recipient's server defers for longer is given up; retries for a failing server have no limit."""


class Sender:
    """Sends through all channels."""

    def __init__(self, channels: Mapping[str, Channel], thumbnails: Thumbnails):
        self._channels = channels
        self._thumbnails = thumbnails

    def deliver(self, due: MessageDue, state: State) -> MessageDue | MessageDelayed | None:
        """Send a message if it is its turn. Returns what comes next for the recipient.

        A second delivery of the event sends nothing, but returns the same: the first may not have been published. One
        that was given up and comes again, as a replayed dead letter does, waits behind the others.
        Raises as Channel.send does; PermanentError after a day of deferrals.
        """
        line = Line(type(due), due.key, state)
        first, told = line.first(), state.get(due.event_id) or []
        if first and first.place != due.place:
            given_up_before = not due.given_up and due.channel not in told and _passed(due, first)
            if (due.place is not None and not given_up_before) or first.event_id == due.event_id:
                return first
            if due.channel not in told:
                line.join(due, time.time())
            return None
        if due.channel not in told and not due.given_up:
            try:
                self._send(due)
            except RecipientDeferred as error:
                return self._put_off(due, line, state.attempt, error)
            state.put(due.event_id, [*told, due.channel])
        if first:
            line.leave()
        return line.first()

    def _send(self, due: MessageDue) -> None:
        message = Message(due.text, due.page, self._thumbnails.of(due.picture))
        self._channels[due.channel].send(due.address, message, due.event_id)

    def _put_off(self, due: MessageDue, line: Line, attempt: int, error: RecipientDeferred) -> MessageDelayed:
        """Try the message again later, others of the recipient after it."""
        now = time.time()
        if due.place is None:
            if attempt < QUICK_ATTEMPTS and not error.after_seconds:
                raise error
            due = line.join(due, now)
        elif now - due.put_off_at > MAX_DEFERRAL_SECONDS:
            raise PermanentError(f"{error}, for a day")
        return MessageDelayed(message=due, until=now + error.after_seconds)


def _passed(due: MessageDue, first: MessageDue) -> bool:
    """Whether a message has had its turn in the line that `first` begins."""
    return due.place is not None and first.place is not None and due.place < first.place
