"""The objects that the views share, and publishing: it waits until this process has read the event back."""

import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from bus.cluster import ClusterView
from bus.mirror import Mirror
from bus.ports import Sender
from bus.producer import NotPublished, Outgoing
from events import Event
from events.conversation import ChatExchanged, ConversationChanged
from events.event import Cause
from events.event import event_id as event_id_of
from flask import current_app
from flask_babel import gettext as _
from service.log import get_logger
from web import Hub, Problem
from web.attendant_auth import AttendantAuth

from .conversations import Conversations

log = get_logger(__name__)

SERVICE = "chatbot"
PREFIX = "/chat"
MIRROR_TIMEOUT_SECONDS = 5.0
"""How long a request waits for the mirror to read a record that the broker has acknowledged."""
ATTENDANTS_CHANNEL = "attendants"
"""The channel of the attendants' event streams."""


def event_id(key: str | None, *content: str) -> str:
    """The event id of `content`: the same for every request with the same idempotency key; random without one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([key, *content])) if key else uuid.uuid4())


def channel_of(sessao: str) -> str:
    """The channel of a session's event streams. The prefix keeps foreign session ids apart from ATTENDANTS_CHANNEL."""
    return f"session {sessao}"


@dataclass(frozen=True)
class Backend:
    conversations: Conversations
    mirror: Mirror
    producer: Sender
    cluster: ClusterView
    hub: Hub
    auth: AttendantAuth

    def publish(self, topic: str, event: Event, at: float, id: str | None = None, cause: Cause | None = None) -> Cause:
        """Publish `event` with the timestamp `at`, wait until the mirror has read it, and return it as a cause.

        `id` is its `ce_id`, if an earlier request may have published it: readers ignore duplicates. Raises Problem
        (503) if the broker or the mirror does not respond in time.
        """
        record = Outgoing.of(topic, event.encoded(), SERVICE, cause, at)
        if id:
            record = record.named(id)
        try:
            places = self.producer.publish([record])
        except NotPublished:
            raise _broker_unavailable() from None
        if not self.mirror.passed(places, MIRROR_TIMEOUT_SECONDS):
            raise _broker_unavailable()
        return Cause.of(topic, places[0].partition, places[0].offset, record.headers)

    def call_person(self, exchange: ChatExchanged, cause: Cause) -> None:
        """Publish, once, that a person is called because of `exchange`. Raises Problem as `publish` does."""
        handoff = exchange.person_wanted()
        if self.conversations.event("handoff", exchange.sessao, event_id_of(handoff.encoded(), cause)) is None:
            self.publish("handoff", handoff, exchange.timestamp, cause=cause)

    def repeat(self, kept: Iterable[ConversationChanged]) -> None:
        """Publish who has conversations, again; what does not get through is tried the next time."""
        records = [Outgoing.of("conversation", one.encoded(), SERVICE, at=time.time()) for one in kept]
        try:
            self.producer.publish(records)
        except NotPublished as error:
            log.warning("not repeated who has the conversations, trying again", error=str(error))

    def require_caught_up(self) -> None:
        """Raises Problem (503) if the mirror has not yet read what the topics held at the start."""
        if not self.mirror.caught_up.wait(MIRROR_TIMEOUT_SECONDS):
            raise _broker_unavailable()

    def require_session(self, sessao: str) -> None:
        """Raises Problem (404) if no topic has a record of the session."""
        self.require_caught_up()
        if self.conversations.is_known(sessao):
            return
        if not self.mirror.catch_up(MIRROR_TIMEOUT_SECONDS):
            raise _broker_unavailable()
        if not self.conversations.is_known(sessao):
            raise Problem(404, "no-such-session", _("There is no such conversation."))


def backend() -> Backend:
    """The backend of the current application."""
    return current_app.extensions[SERVICE]  # type: ignore[no-any-return]


def _broker_unavailable() -> Problem:
    return Problem(503, "broker-away", _("Kafka is not responding at the moment. Please try again."), 5)
