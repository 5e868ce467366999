"""The topics of the suite: who reads them, and how those that are missing are created.

`python -m bus.create_topics` is the one-shot step that does it for all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .conversation import ChatExchanged, ConversationChanged, HandoffRaised, HumanReplied, SentimentClassified
from .events import Event, ImageUploaded, OperationFinished
from .log import get_logger
from .settings import KafkaSettings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

log = get_logger(__name__)

MAX_DEAD_LETTER_BYTES = 2 * 1024 * 1024
"""The largest record a broker takes by default, with the headers of a dead letter, must fit."""


@dataclass(frozen=True)
class Topic:
    """What a topic carries, and the consumer groups (services) that read it."""

    event: type[Event]
    consumers: tuple[str, ...] = ()


TOPICS = {
    "image": Topic(ImageUploaded, consumers=("rotate-worker", "grayscale-worker", "caption-worker")),
    "notification": Topic(OperationFinished, consumers=("notifier",)),
    "chatbot": Topic(ChatExchanged, consumers=("sentiment-consumer",)),
    "sentiment": Topic(SentimentClassified),
    "handoff": Topic(HandoffRaised, consumers=("notifier",)),
    "conversation": Topic(ConversationChanged, consumers=("notifier",)),
    "chat-reply": Topic(HumanReplied),
}


REMEMBERING = {"notifier"}
"""The services that remember what they have done."""


def dead_letters_of(service: str) -> str:
    """The topic that takes what `service` could not handle."""
    return f"{service}.dlq"


def memory_of(service: str) -> str:
    """The topic that holds what `service` remembers (memory.py): as many partitions as its source."""
    return f"{service}.memory"


def consumers() -> set[str]:
    """The services that read topics as a group."""
    return {service for topic in TOPICS.values() for service in topic.consumers}


def all_topics() -> list[str]:
    """Every topic of the suite, those of dead letters and memories included."""
    return [*TOPICS, *sorted(map(dead_letters_of, consumers())), *sorted(map(memory_of, REMEMBERING & consumers()))]


class WrongPartitions(Exception):
    """A topic is there with another number of partitions than the settings ask for."""


class MissingTopics(Exception):
    """Topics are not there, and the settings forbid to create them."""


def ensure(admin: "KafkaAdminClient", settings: KafkaSettings, names: Iterable[str], strict: bool = False) -> list[str]:
    """Create those of the topics `names` that are missing; returns what was created, as named on the cluster.

    Memories that have fewer partitions are given more, where the broker can do that.

    Raises WrongPartitions (only with `strict`), MissingTopics where KAFKA_CREATE_TOPICS is false.
    """
    from kafka.errors import KafkaError, TopicAlreadyExistsError  # noqa: PLC0415 - not in children

    names = list(names)
    wanted = {settings.topic(name): _options(name, settings) for name in names}
    there = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics() if not topic["error_code"]}
    missing = {name: options for name, options in wanted.items() if name not in there}
    if missing and not settings.kafka_create_topics:
        raise MissingTopics(f"{', '.join(sorted(missing))}: not there, and KAFKA_CREATE_TOPICS is false")
    for name, options in missing.items():
        try:
            admin.create_topics({name: options})
        except TopicAlreadyExistsError:
            log.debug("another service was quicker", topic=name)
    admin.wait_for_topics(list(missing), timeout_ms=30_000)
    memories = {settings.topic(name) for name in names if name.endswith(".memory")} & there.keys()
    for name in memories if settings.kafka_create_topics else ():
        if there[name] < settings.kafka_partitions:
            try:
                admin.create_partitions({name: settings.kafka_partitions})
                there[name] = settings.kafka_partitions
            except KafkaError as error:  # the embedded broker cannot
                log.warning("a memory is short of partitions", topic=name, has=there[name], error=str(error))
    if strict:
        for name in wanted.keys() & there.keys():
            if there[name] != settings.kafka_partitions:
                raise WrongPartitions(
                    f"topic {name} has {there[name]} partitions, KAFKA_PARTITIONS asks for {settings.kafka_partitions}:"
                    " set it so, or delete the topic (make reset forgets all)"
                )
    return sorted(missing)


def _options(name: str, settings: KafkaSettings) -> dict[str, object]:
    configs = {"retention.ms": str(settings.kafka_retention_hours * 3_600_000)}
    if name.endswith(".dlq"):
        configs["max.message.bytes"] = str(MAX_DEAD_LETTER_BYTES)
    elif name.endswith(".memory"):
        configs["cleanup.policy"] = "compact,delete"
    return {
        "num_partitions": settings.kafka_partitions,
        "replication_factor": settings.kafka_replication_factor,
        "configs": configs,
    }
