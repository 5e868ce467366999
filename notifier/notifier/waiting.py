"""When someone in the chat begins to wait for a human: once for each waiting, however many messages raise it.

Calls and what attendants do are on two topics, so either may be heard first.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from bus.conversation import Conversation, ConversationChanged, HandoffRaised


@dataclass(frozen=True)
class Waiting:
    """What is remembered of a conversation: how it stands, and the last call that was heard while it stood so."""

    conversation: Conversation = field(default_factory=Conversation)
    unheeded: HandoffRaised | None = None

    @classmethod
    def from_json(cls, value: Any) -> Self:
        if value is None:
            return cls()
        unheeded = value["unheeded"] and HandoffRaised.model_validate(value["unheeded"])
        return cls(Conversation(**value["conversation"]), unheeded)

    def to_json(self) -> Any:
        return {
            "conversation": asdict(self.conversation),
            "unheeded": self.unheeded and self.unheeded.model_dump(),
        }

    def after(self, event: HandoffRaised | ConversationChanged) -> tuple[Self, HandoffRaised | None]:
        """How it stands after the event, and the call with which a waiting begins, where one does."""
        if isinstance(event, HandoffRaised):
            return self._raised(event)
        now = replace(self, conversation=self.conversation.after(event, event.timestamp))
        if now.unheeded and now.unheeded.timestamp > now.conversation.released_at > self.conversation.released_at:
            return now._raised(now.unheeded)  # it came after the release, but was heard before
        return now, None

    def _raised(self, call: HandoffRaised) -> tuple[Self, HandoffRaised | None]:
        conversation = self.conversation.after(call, max(call.timestamp, self.conversation.last_at))
        if conversation.estado == "waiting" and self.conversation.estado != "waiting":
            return replace(self, conversation=conversation, unheeded=None), call
        newer = self.unheeded is None or call.timestamp > self.unheeded.timestamp
        return replace(self, conversation=conversation, unheeded=call if newer else self.unheeded), None
