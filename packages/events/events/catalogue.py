"""The catalogue of topics: the event type of each, and the services that consume it."""

from dataclasses import dataclass

from .conversation import ChatExchanged, ConversationChanged, HandoffRaised, HumanReplied, SentimentClassified
from .event import Event
from .messages import EmailDue, MessageDelayed, TelegramDue
from .pictures import ImageUploaded, OperationFinished
from .services import SERVICES


@dataclass(frozen=True)
class Topic:
    """The event type of a topic, and the services that consume it, each as a consumer group."""

    event: type[Event]
    consumers: tuple[str, ...] = ()


_EVENTS: dict[str, type[Event]] = {
    "image": ImageUploaded,
    "notification": OperationFinished,
    "chatbot": ChatExchanged,
    "sentiment": SentimentClassified,
    "handoff": HandoffRaised,
    "conversation": ConversationChanged,
    "chat-reply": HumanReplied,
    "notifier.email": EmailDue,
    "notifier.telegram": TelegramDue,
    "notifier.delay": MessageDelayed,
}


CONVERSATION_TOPICS = ("chatbot", "sentiment", "handoff", "conversation", "chat-reply")
"""What a conversation is folded from, across topics by the time of each record: the broker's clock gives it, so that no
producer's clock can put a record out of place."""


def _consumers_of(topic: str) -> tuple[str, ...]:
    return tuple(service.name for service in SERVICES if topic in service.reads and not service.page)


TOPICS = {name: Topic(event, consumers=_consumers_of(name)) for name, event in _EVENTS.items()}


def dead_letters_of(service: str) -> str:
    """The dead-letter topic of `service`."""
    return f"{service}.dlq"


def retries_of(service: str, topic: str) -> str:
    """The topic from which `service` alone reads again what it could not handle of `topic`: replayed dead letters.

    It has as many partitions as `topic`, and is the log of what was done about dead letters.
    """
    return f"{service}.retry.{topic}"


def is_for_retries(topic: str) -> bool:
    """Whether a topic is one of `retries_of`, as its name says."""
    return ".retry." in topic


def memory_of(service: str) -> str:
    """The topic behind the state store of `service`; it has as many partitions as the service's source topics."""
    return f"{service}.memory"


def consumers() -> set[str]:
    """All services that are consumer groups."""
    return {service for topic in TOPICS.values() for service in topic.consumers}


def all_topics() -> list[str]:
    """Every topic of the suite, those of dead letters, replays and memories included."""
    remembering = [service.name for service in SERVICES if service.remembers]
    retries = [retries_of(service, name) for name, topic in TOPICS.items() for service in topic.consumers]
    return [
        *TOPICS,
        *sorted(map(dead_letters_of, consumers())),
        *sorted(retries),
        *sorted(map(memory_of, remembering)),
    ]
