"""A conversation: the events that make it, and the state that they fold to.

Whoever reads the same records comes to the same state, so who has a conversation needs no lock and no database: of two
that take it, the first in the log has it. Records are folded in the order of `place`.
"""

import time
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from .events import Event

QUIET_HOURS = 24
"""A conversation without a record for so long is closed."""

Sentiment = Literal["negative", "neutral", "positive"]
Session = Annotated[str, Field(min_length=1, max_length=200)]
Confidence = Annotated[float, Field(ge=0, le=1)]


def _time_of_record(value: Any, info: ValidationInfo) -> Any:
    return (info.context or {}).get("timestamp", time.time()) if value is None else value


Timestamp = Annotated[float, BeforeValidator(_time_of_record), Field(allow_inf_nan=False, validate_default=True)]
"""Seconds since 1970; where an event carries none, that of its record."""


class _OfConversation(Event):
    sessao: Session

    @property
    def key(self) -> str:
        return self.sessao


class ChatExchanged(_OfConversation):
    """Someone said something to the chatbot; `resposta` is empty while a human has the conversation.

    Other programs publish it with these fields alone.
    """

    type: ClassVar[str] = "chat.exchanged"

    nome: str
    pergunta: str
    resposta: str
    timestamp: Timestamp = None  # type: ignore[assignment]

    def classified(self, probabilities: dict[Sentiment, float]) -> "SentimentClassified":
        """The answer of whoever has read `pergunta`."""
        sentiment = max(probabilities, key=probabilities.__getitem__)
        return SentimentClassified(
            sessao=self.sessao,
            nome=self.nome,
            pergunta=self.pergunta,
            sentimento=sentiment,
            confianca=probabilities[sentiment],
            probabilidades=probabilities,
        )

    def raised(self, confidence: float) -> "HandoffRaised":
        """The call for a human, because of `pergunta`."""
        return HandoffRaised(
            sessao=self.sessao,
            nome=self.nome,
            pergunta=self.pergunta,
            confianca=confidence,
            timestamp=self.timestamp,
        )


class SentimentClassified(_OfConversation):
    """How a message sounds. Its cause is the event of the message."""

    type: ClassVar[str] = "chat.sentiment-classified"

    nome: str
    pergunta: str
    sentimento: Sentiment
    confianca: Confidence
    probabilidades: dict[Sentiment, Confidence]


class HandoffRaised(_OfConversation):
    """A message so negative that a human should come; `timestamp` is that of the message."""

    type: ClassVar[str] = "chat.handoff-raised"

    nome: str
    pergunta: str
    confianca: Confidence
    timestamp: Timestamp = None  # type: ignore[assignment]


class ConversationChanged(_OfConversation):
    """A conversation began, or a human takes it, hands it back to the bot, or closes it."""

    type: ClassVar[str] = "chat.conversation-changed"

    evento: Literal["aberta", "assumida", "devolvida", "encerrada"]
    nome: str | None = None
    atendente: str | None = None
    timestamp: Timestamp = None  # type: ignore[assignment]


class HumanReplied(_OfConversation):
    """What a human attendant says to the person in the chat."""

    type: ClassVar[str] = "chat.human-replied"

    atendente: str
    mensagem: str


def place(record: Any) -> tuple[int, str, int, int]:
    """Where a consumed record stands among those of a conversation, which are spread over topics."""
    return record.timestamp, record.topic, record.partition, record.offset


@dataclass(frozen=True)
class Conversation:
    """How a conversation stands. Times are those of records, in seconds since 1970."""

    estado: Literal["bot", "waiting", "human", "closed"] = "bot"
    nome: str = ""
    atendente: str | None = None
    waiting_since: float | None = None
    released_at: float = 0.0
    """When a human last handed it back or closed it: an older message calls nobody any more."""
    last_at: float = 0.0

    def at(self, now: float) -> "Conversation":
        """How it stands at `now`, if nothing more has happened."""
        if self.estado != "closed" and self.last_at and now - self.last_at > QUIET_HOURS * 3600:
            return self._released("closed", self.last_at + QUIET_HOURS * 3600)
        return self

    def after(self, event: Event, at: float) -> "Conversation":
        """How it stands after `event`, whose record is of the time `at`.

        What the state before does not allow changes nothing: the answer then is this object itself (`is`), or what
        `at` makes of it.
        """
        before = self.at(at)
        match event:
            case ChatExchanged():
                return before._exchanged(event, at)
            case HandoffRaised():
                return before._raised(event, at)
            case ConversationChanged():
                return before._changed(event, at)
            case HumanReplied():
                return before._replied(event, at)
        return before

    def may(self, event: Event, at: float) -> bool:
        """Whether `event` would count now."""
        before = self.at(at)
        return before.after(event, at) is not before

    def _exchanged(self, event: ChatExchanged, at: float) -> "Conversation":
        estado = "bot" if self.estado == "closed" else self.estado
        return replace(self, estado=estado, nome=event.nome or self.nome, last_at=at)

    def _raised(self, event: HandoffRaised, at: float) -> "Conversation":
        if self.estado not in ("bot", "closed") or event.timestamp <= self.released_at:
            return self
        return replace(self, estado="waiting", nome=self.nome or event.nome, waiting_since=at, last_at=at)

    def _replied(self, event: HumanReplied, at: float) -> "Conversation":
        return replace(self, last_at=at) if self._held_by(event.atendente) else self

    def _changed(self, event: ConversationChanged, at: float) -> "Conversation":
        who = event.atendente
        if event.evento == "aberta" and not self.last_at:
            return replace(self, nome=event.nome or "", last_at=at)
        if event.evento == "assumida" and who and self.estado in ("bot", "waiting"):
            return replace(self, estado="human", atendente=who, waiting_since=None, last_at=at)
        if event.evento == "devolvida" and self._held_by(who):
            return self._released("bot", at)
        if event.evento == "encerrada" and who and (self.estado in ("bot", "waiting") or self._held_by(who)):
            return self._released("closed", at)
        return self

    def _held_by(self, attendant: str | None) -> bool:
        return self.estado == "human" and self.atendente == attendant

    def _released(self, estado: Literal["bot", "closed"], at: float) -> "Conversation":
        return replace(self, estado=estado, atendente=None, waiting_since=None, released_at=at, last_at=at)
