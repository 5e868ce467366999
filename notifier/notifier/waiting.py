"""When someone in the chat begins to wait for a human: once for each waiting, however many messages raise it.

Calls and what attendants do are on two topics, so either may be heard first, or a second time. Messages that call
nobody are not heard: a call after a day without any begins a waiting, even where someone has gone on writing.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from bus.conversation import Conversation, ConversationChanged, HandoffRaised
from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True)
class Waiting:
    """What is remembered of a conversation: how it stands, and the last call that was heard while it stood so."""

    conversation: Conversation = field(default_factory=Conversation)
    unheeded: HandoffRaised | None = None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """What `to_json` has made; of anything else, such as nothing, the beginning."""
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
        """How it stands after the event, and the call with which a waiting begins, where one does."""
        if isinstance(event, HandoffRaised):
            return self._raised(event)
        if event.timestamp <= self.conversation.released_at:
            return self, None  # a second delivery: the release has ended it
        now = replace(self, conversation=self.conversation.after(event, event.timestamp))
        if now.unheeded and now.unheeded.timestamp > now.conversation.released_at > self.conversation.released_at:
            return now._raised(now.unheeded)  # it came after the release, but was heard before
        return now, None

    def _raised(self, call: HandoffRaised) -> tuple[Self, HandoffRaised | None]:
        at = max(call.timestamp, self.conversation.last_at)
        before = self.conversation.at(at)  # after a day of silence nobody waits any more
        conversation = replace(before.after(call, at), last_at=at)  # whatever comes of the call, a message was said
        if conversation.estado == "waiting" and before.estado != "waiting":
            return replace(self, conversation=conversation, unheeded=None), call
        newer = self.unheeded is None or call.timestamp > self.unheeded.timestamp
        return replace(self, conversation=conversation, unheeded=call if newer else self.unheeded), None
