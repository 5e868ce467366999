"""Detects when a customer starts to wait for a human: once per waiting period, however many handoffs it has.

Handoffs and conversation changes are on two topics, so they may arrive in any order, or twice. Messages without a
handoff are not consumed here: a handoff after a day without any starts a new waiting period, even if the customer kept
writing.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from events.conversation import Conversation, ConversationChanged, HandoffRaised
from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True)
class Waiting:
    """The stored state of a conversation, and its latest handoff that did not start a waiting period."""

    conversation: Conversation = field(default_factory=Conversation)
    unheeded: HandoffRaised | None = None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Parse the result of `to_json`; anything else, such as None, gives the initial state."""
        try:
            return TypeAdapter(cls).validate_python(value)
        except ValidationError:
            return cls()

    def to_json(self) -> Any:
        return {
            "conversation": asdict(self.conversation),
            "unheeded": self.unheeded and self.unheeded.model_dump(),
        }

    def after(self, event: HandoffRaised | ConversationChanged) -> tuple[Self, HandoffRaised | None]:
        """The state after the event, and the handoff that starts a waiting period, or None if none starts."""
        if isinstance(event, HandoffRaised):
            return self._raised(event)
        if event.timestamp <= self.conversation.released_at:
            return self, None  # a duplicate: the release made it obsolete
        now = replace(self, conversation=self.conversation.after(event, event.timestamp))
        if now.unheeded and now.unheeded.timestamp > now.conversation.released_at > self.conversation.released_at:
            return now._raised(now.unheeded)  # it was sent after the release, but arrived before it
        return now, None

    def _raised(self, handoff: HandoffRaised) -> tuple[Self, HandoffRaised | None]:
        at = max(handoff.timestamp, self.conversation.last_at)
        before = self.conversation.at(at)  # after a day of silence the waiting period is over
        conversation = replace(
            before.after(handoff, at), last_at=at
        )  # even if it is ignored, the customer wrote a message
        if conversation.estado == "waiting" and before.estado != "waiting":
            return replace(self, conversation=conversation, unheeded=None), handoff
        newer = self.unheeded is None or handoff.timestamp > self.unheeded.timestamp
        return replace(self, conversation=conversation, unheeded=handoff if newer else self.unheeded), None
