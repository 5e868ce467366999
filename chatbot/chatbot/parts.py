"""What the views work with, and what they have in common: publish, and wait until it is seen here."""

import json
import uuid
from dataclasses import dataclass

from bus import Event
from bus.cluster import ClusterView
from bus.mirror import Mirror
from bus.producer import NotPublished, Outgoing, Producer
from flask import current_app
from flask_babel import gettext as _
from web import Hub, Problem

from .conversations import Conversations
from .entry import Entry

SERVICE = "chatbot"
PREFIX = "/chat"
SEEN_WITHIN = 5.0
"""Seconds in which the mirror must have passed a record that the broker has acknowledged."""
ATTENDANTS = "attendants"
"""The channel of their streams."""


def id_of(key: str | None, *said: str) -> str:
    """The id of what is said: the same for every try by that Idempotency-Key, without one an id of its own."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([key, *said])) if key else uuid.uuid4())


def channel_of(sessao: str) -> str:
    """The channel of a session's streams; other programs choose ids as they like."""
    return f"session {sessao}"


@dataclass(frozen=True)
class Parts:
    conversations: Conversations
    mirror: Mirror
    producer: Producer
    cluster: ClusterView
    hub: Hub
    entry: Entry

    def publish(self, topic: str, event: Event, at: float, id: str | None = None) -> None:
        """Publish with that time, and wait until this process has seen it. Raises Problem.

        `id`: that of the record, where it may have been published before; who knows it passes it over.
        """
        record = Outgoing.of(topic, event.encoded(), SERVICE, at=at)
        if id:
            record = record.named(id)
        try:
            places = self.producer.publish([record])
        except NotPublished:
            raise _away() from None
        if not self.mirror.passed(places, SEEN_WITHIN):
            raise _away()

    def must_have_caught_up(self) -> None:
        """Raises Problem where what the topics held at the start has not been read yet."""
        if not self.mirror.caught_up.wait(SEEN_WITHIN):
            raise _away()

    def must_know(self, sessao: str) -> None:
        """Raises Problem for a session that no topic knows."""
        self.must_have_caught_up()
        if self.conversations.known(sessao):
            return
        if not self.mirror.catch_up(SEEN_WITHIN):
            raise _away()
        if not self.conversations.known(sessao):
            raise Problem(404, "no-such-session", _("There is no such conversation."))


def parts() -> Parts:
    return current_app.extensions[SERVICE]  # type: ignore[no-any-return]


def _away() -> Problem:
    return Problem(503, "broker-away", _("Kafka does not answer at the moment. Please try again."), 5)
