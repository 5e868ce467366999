"""Topics on the cluster: those that are missing are created.

`python -m bus.create_topics` is the one-shot step that does it for all of them.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from events.catalogue import CONVERSATION_TOPICS, is_for_retries
from service.log import get_logger

from .settings import KafkaSettings

if TYPE_CHECKING:
    from kafka import KafkaAdminClient

log = get_logger(__name__)

MAX_DEAD_LETTER_BYTES = 2 * 1024 * 1024
"""The largest record a broker takes by default, with the headers of a dead letter, must fit."""
MAX_ATTEMPTS = 6
"""How often a broker that does not answer in time is asked for one topic."""


class WrongPartitions(Exception):
    """A topic is there with another number of partitions than the settings ask for."""


class MissingTopics(Exception):
    """Topics are not there, and the settings forbid to create them."""


def ensure(admin: "KafkaAdminClient", settings: KafkaSettings, names: Iterable[str], strict: bool = False) -> list[str]:
    """Create those of the topics `names` that are missing; returns what was created, as named on the cluster.

    Memories and topics of replays that have fewer partitions are given more, where the broker can do that.

    Raises WrongPartitions (only with `strict`), MissingTopics where KAFKA_CREATE_TOPICS is false.
    """
    from kafka.errors import KafkaError  # noqa: PLC0415 - not in children

    names = list(names)
    wanted = {settings.topic(name): options_of(name, settings) for name in names}
    there = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics() if not topic["error_code"]}
    missing = {name: options for name, options in wanted.items() if name not in there}
    if missing and not settings.kafka_create_topics:
        raise MissingTopics(f"{', '.join(sorted(missing))}: not there, and KAFKA_CREATE_TOPICS is false")
    for name, options in missing.items():
        _create(admin, name, options)
    admin.wait_for_topics(list(missing), timeout_ms=30_000)
    growing = {settings.topic(name) for name in names if _follows_a_source(name)} & there.keys()
    for name in growing if settings.kafka_create_topics else ():
        if there[name] < settings.kafka_partitions:
            try:
                admin.create_partitions({name: settings.kafka_partitions})
                there[name] = settings.kafka_partitions
            except KafkaError as error:  # the embedded broker cannot
                log.warning("a topic is short of partitions", topic=name, has=there[name], error=str(error))
    if strict:
        for name in wanted.keys() & there.keys():
            if there[name] != settings.kafka_partitions:
                raise WrongPartitions(
                    f"topic {name} has {there[name]} partitions, KAFKA_PARTITIONS asks for {settings.kafka_partitions}:"
                    " set it so, or delete the topic (make reset forgets all)"
                )
    return sorted(missing)


def _create(admin: "KafkaAdminClient", name: str, options: dict[str, Any]) -> None:
    """Create a topic. A broker with a slow disk may create it after the time for its answer is over: it is asked again.

    Raises RequestTimedOutError after MAX_ATTEMPTS.
    """
    from kafka.errors import RequestTimedOutError, TopicAlreadyExistsError  # noqa: PLC0415 - not in children

    for left in reversed(range(MAX_ATTEMPTS)):
        try:
            admin.create_topics({name: options})
        except TopicAlreadyExistsError:
            log.debug("another service was quicker, or the broker slow", topic=name)
        except RequestTimedOutError:
            if not left:
                raise
            log.warning("the broker is slow to create a topic, asking again", topic=name)
            continue
        return


def takes_dead_letters(name: str) -> bool:
    """Whether the records of the topic may have MAX_DEAD_LETTER_BYTES."""
    return name.endswith(".dlq") or is_for_retries(name)


def _follows_a_source(name: str) -> bool:
    """Whether the topic has a partition for each of another one."""
    return name.endswith(".memory") or is_for_retries(name)


def options_of(name: str, settings: KafkaSettings) -> dict[str, Any]:
    """With what a missing topic is created: `num_partitions`, `replication_factor`, `configs`."""
    configs = {"retention.ms": str(settings.kafka_retention_hours * 3_600_000)}
    if takes_dead_letters(name):
        configs["max.message.bytes"] = str(MAX_DEAD_LETTER_BYTES)
    elif name.endswith(".memory"):
        configs["cleanup.policy"] = "compact,delete"
    elif name in CONVERSATION_TOPICS:
        configs["message.timestamp.type"] = "LogAppendTime"
    return {
        "num_partitions": settings.kafka_partitions,
        "replication_factor": settings.kafka_replication_factor,
        "configs": configs,
    }
