"""What pages and programs see of a conversation."""

from typing import Literal

from events.conversation import Estado, Sentiment
from typing_extensions import TypedDict

Sender = Literal["cliente", "robo", "atendente"]


class Message(TypedDict):
    """What someone said."""

    id: str
    de: Sender
    nome: str
    texto: str
    timestamp: float
    """In seconds since 1970."""


class Tone(TypedDict):
    """How a customer's message sounds."""

    id: str
    """That of the message."""
    sentimento: Sentiment
    confianca: float
    """From 0 to 1."""


class ScoredTone(Tone):
    """How a customer's message sounds, on one scale."""

    score: float
    """From -1 (negative) to 1 (positive)."""
    timestamp: float
    """Of the message, in seconds since 1970."""


class State(TypedDict):
    """Who has the conversation."""

    estado: Estado
    atendente: str | None


class Call(TypedDict):
    """Why a human was called."""

    pergunta: str
    """The message because of which."""
    confianca: float
    """That the message is negative, from 0 to 1; 1 where a person was asked for."""
    motivo: Literal["tom", "pedido"]
    """The tone of the message, or the customer's request."""
    timestamp: float
    """Of the message, in seconds since 1970."""


class Summary(TypedDict):
    """A conversation as the attendants see it. Times are in seconds since 1970."""

    sessao: str
    nome: str
    estado: Estado
    atendente: str | None
    waiting_since: float | None
    last_at: float
    """When something happened last."""
    last_message: str | None
    """Of the customer."""
    reason: Call | None
    """Why a human was called, while one is waited for or there."""
    sentiments: list[ScoredTone]
    """Of the last messages."""
    urgency: float
    """Greater is more urgent."""
