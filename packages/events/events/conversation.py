"""The events of a conversation, and the state that they fold to.

Every reader folds the same records to the same state, so assigning a conversation needs neither a lock nor a database:
if two attendants take it, the first in the log has it. Records are folded in the order of `place`.
"""

import time
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo

from .event import Event

QUIET_HOURS = 24
"""A conversation closes after this time without a record."""

Sentiment = Literal["negative", "neutral", "positive"]
Estado = Literal["bot", "waiting", "human", "closed"]
"""Who has a conversation: the bot, nobody yet, an attendant, or nobody any more."""
Session = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=1_000_000)]
"""What people say, and what they are called: as long as a record that the broker takes by default."""
Confidence = Annotated[float, Field(ge=0, le=1)]


def _time_of_record(value: Any, info: ValidationInfo) -> Any:
    return (info.context or {}).get("timestamp", time.time()) if value is None else value


Timestamp = Annotated[float, BeforeValidator(_time_of_record), Field(allow_inf_nan=False, validate_default=True)]
"""Seconds since 1970; defaults to the timestamp of the record."""


class _OfConversation(Event):
    sessao: Session

    @property
    def key(self) -> str:
        """The session."""
        return self.sessao


class ChatExchanged(_OfConversation):
    """A customer's message and the bot's reply; `resposta` is empty while a human has the conversation.

    Foreign producers publish it without `timestamp`.
    """

    type: ClassVar[str] = "chat.exchanged"

    nome: Text
    pergunta: Text
    resposta: Text
    timestamp: Timestamp = None  # type: ignore[assignment]

    def classified(self, probabilities: dict[Sentiment, float]) -> "SentimentClassified":
        """The event that says how `pergunta` sounds, given the probability of each sentiment."""
        sentiment = max(probabilities, key=probabilities.__getitem__)
        return SentimentClassified(
            sessao=self.sessao,
            nome=self.nome,
            pergunta=self.pergunta,
            sentimento=sentiment,
            confianca=probabilities[sentiment],
            probabilidades=probabilities,
        )

    def person_wanted(self) -> "HandoffRaised":
        """The event that calls a human because `pergunta` asks for one."""
        return HandoffRaised(
            sessao=self.sessao,
            nome=self.nome,
            pergunta=self.pergunta,
            confianca=1.0,
            motivo="pedido",
            timestamp=self.timestamp,
        )

    def raised(self, confidence: float) -> "HandoffRaised":
        """The event that calls a human because of `pergunta`; `confidence` is that of the negative sentiment.

        A message from the future, by another program's clock, calls now.
        """
        return HandoffRaised(
            sessao=self.sessao,
            nome=self.nome,
            pergunta=self.pergunta,
            confianca=confidence,
            timestamp=min(self.timestamp, time.time()),
        )


class SentimentClassified(_OfConversation):
    """The sentiment of a customer's message. Its cause is the ChatExchanged event."""

    type: ClassVar[str] = "chat.sentiment-classified"

    nome: Text
    pergunta: Text
    sentimento: Sentiment
    confianca: Confidence
    probabilidades: dict[Sentiment, Confidence]


def _known_reason(value: Any) -> Any:
    return value if value in ("tom", "pedido") else "tom"


def _is_tone(value: str) -> bool:
    return value == "tom"


Reason = Annotated[Literal["tom", "pedido"], BeforeValidator(_known_reason), Field(exclude_if=_is_tone)]


class HandoffRaised(_OfConversation):
    """A human should take over, since a message is that negative or asks for one; `timestamp` is that of the message.

    Foreign producers publish it without `motivo`.
    """

    type: ClassVar[str] = "chat.handoff-raised"

    nome: Text
    pergunta: Text
    confianca: Confidence
    """That the message is negative; 1 where a person is asked for."""
    motivo: Reason = "tom"
    """The tone of the message (then it is left out of the record), or the customer's request."""
    timestamp: Timestamp = None  # type: ignore[assignment]


def _is_none(value: Any) -> bool:
    return value is None


class ConversationChanged(_OfConversation):
    """A conversation was opened, or an attendant took it, released it to the bot, or closed it.

    `mantida` changes nothing: it repeats that a person is waited for (without `atendente`) or has it, since `desde`,
    for readers who come when the record of that has expired. Its `timestamp` is that of the last sign of life.
    """

    type: ClassVar[str] = "chat.conversation-changed"

    evento: Literal["aberta", "assumida", "devolvida", "encerrada", "mantida"]
    nome: Text | None = None
    atendente: Text | None = None
    desde: Annotated[float | None, Field(allow_inf_nan=False, exclude_if=_is_none)] = None
    timestamp: Timestamp = None  # type: ignore[assignment]


class HumanReplied(_OfConversation):
    """An attendant's message to the customer."""

    type: ClassVar[str] = "chat.human-replied"

    atendente: Text
    mensagem: Text


def place(record: Any) -> tuple[int, str, int, int]:
    """The sort key of a consumed record among the records of a conversation, which are in several topics."""
    return record.timestamp, record.topic, record.partition, record.offset


@dataclass(frozen=True)
class Conversation:
    """The state of a conversation. Times are record timestamps, in seconds since 1970."""

    estado: Estado = "bot"
    nome: str = ""
    atendente: str | None = None
    waiting_since: float | None = None
    held_since: float | None = None
    """When the attendant took it."""
    released_at: float = 0.0
    """When an attendant last released or closed it. A HandoffRaised with an older timestamp is ignored."""
    last_at: float = 0.0

    def at(self, now: float) -> "Conversation":
        """The state at `now` if no further record arrives: closed after QUIET_HOURS."""
        if self.estado != "closed" and self.last_at and now - self.last_at > QUIET_HOURS * 3600:
            return self._released("closed", self.last_at + QUIET_HOURS * 3600)
        return self

    def after(self, event: Event, at: float) -> "Conversation":
        """The state after `event`, whose record has the timestamp `at`.

        An event that this state does not allow is ignored: the result is then `self.at(at)`, the same object.
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
        """Whether this state allows `event` at the time `at`."""
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
            return replace(self, estado="human", atendente=who, waiting_since=None, held_since=at, last_at=at)
        if event.evento == "devolvida" and self._held_by(who):
            return self._released("bot", at)
        if event.evento == "encerrada" and who and (self.estado in ("bot", "waiting") or self._held_by(who)):
            return self._released("closed", at)
        if event.evento == "mantida" and event.desde is not None and event.desde > self.released_at:
            return self._kept(event, event.desde)
        return self

    def kept(self, sessao: str) -> ConversationChanged | None:
        """The event that repeats who has it, or that someone waits; None where neither is so."""
        since = {"human": self.held_since, "waiting": self.waiting_since}.get(self.estado)
        if since is None:
            return None
        return ConversationChanged(
            sessao=sessao,
            evento="mantida",
            nome=self.nome,
            atendente=self.atendente,
            desde=since,
            timestamp=self.last_at,
        )

    def _kept(self, event: ConversationChanged, since: float) -> "Conversation":
        who = event.atendente
        kept = replace(
            self,
            estado="human" if who else "waiting",
            nome=self.nome or event.nome or "",
            atendente=who,
            waiting_since=None if who else since,
            held_since=since if who else None,
            last_at=max(self.last_at, event.timestamp),
        )
        return self if kept == self else kept

    def _held_by(self, attendant: str | None) -> bool:
        return self.estado == "human" and self.atendente == attendant

    def _released(self, estado: Literal["bot", "closed"], at: float) -> "Conversation":
        return replace(
            self, estado=estado, atendente=None, waiting_since=None, held_since=None, released_at=at, last_at=at
        )
