"""The AsyncAPI document of the topics, from the catalogue, the types of events and the list of services."""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import yaml
from bus.dead_letters.letter import HEADER_PREFIX, REASONS
from bus.producer import Outgoing
from bus.record import Record
from bus.replay import Replay, dropped_record, replay_record
from bus.settings import KafkaSettings
from bus.topics import options_of
from environment import ROOT
from events import Cause, Event
from events.catalogue import TOPICS, all_topics, dead_letters_of, memory_of, retries_of
from events.event import Encoded
from events.services import ALL_TOPICS, SERVICES, Service

from .schemas import Schema, schemas, text_of
from .words import ENGLISH

BINDING = {"bindingVersion": "0.5.0"}
JSON = "application/json"
BYTES = "application/octet-stream"

HEADERS = {
    "ce_specversion": "The version of CloudEvents.",
    "ce_id": "Of an event with a cause a function of that, of the type and of the operation: a second delivery has the "
    "same.",
    "ce_source": "The service that publishes it, such as `/notifier`.",
    "ce_type": "The type of the event.",
    "ce_time": "When it was published, in UTC.",
    "ce_causationid": "The `ce_id` of the event that it answers, or `TOPIC/PARTITION/OFFSET` of one without headers. "
    "Absent where it answers none.",
    "content-type": "The type of the value.",
    "traceparent": "The trace that goes on from event to event (W3C Trace Context).",
    "dlq-topic": "The topic of the original, as the cluster names it.",
    "dlq-partition": "The partition of the original.",
    "dlq-offset": "The offset of the original.",
    "dlq-timestamp": "The time of the original, in milliseconds since 1970.",
    "dlq-group": "The consumer group that could not handle it.",
    "dlq-attempts": "How often it was tried.",
    "dlq-error": "The class of the error, such as `Undecodable`.",
    "dlq-message": "What the error says, and what of the original had to be left out.",
    "dlq-replays": "How often it was replayed, where it has failed again.",
    "dlq-replay-of": "The dead letter that was replayed, where it has failed again: `SERVICE/PARTITION/OFFSET`.",
    "retry-topic": "The topic of the original, as the cluster names it.",
    "retry-partition": "The partition of the original.",
    "retry-offset": "The offset of the original.",
    "retry-timestamp": "The time of the original, in milliseconds since 1970.",
    "retry-group": "The consumer group that is to handle it; empty: any.",
    "retry-of": "The dead letter: `SERVICE/PARTITION/OFFSET`.",
    "retry-number": "How often it was replayed, this time included.",
    "retry-dropped": "`true`: the dead letter was dropped.",
}
"""What each header says; which of them a record has, the code tells."""
OPTIONAL_HEADERS = {"ce_causationid", "dlq-replays", "dlq-replay-of"}


def document() -> Schema:
    settings = KafkaSettings.model_validate({name: field.default for name, field in KafkaSettings.model_fields.items()})
    events = sorted({topic.event for topic in TOPICS.values()}, key=lambda event: event.__name__)
    _, shared = schemas((event, "validation") for event in events)
    messages = {event.__name__: _event(event) for event in events} | _of_the_runtime()
    operations = dict(sorted((name, made) for service in SERVICES for name, made in _operations(service)))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": ENGLISH["pages"]["events"]["title"],
            "version": version("suite-events"),
            "description": "What the services of the suite publish to Kafka topics and read from them. A prefix "
            "(`KAFKA_TOPIC_PREFIX`) stands before each name, where one is set. Readers ignore fields that they do not "
            "know; a record without key and headers is served too.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": JSON,
        "servers": {
            "localhost": _server(settings.kafka_bootstrap_servers, "From this machine."),
            "containers": _server(_in_containers(), "From containers in the network `minharede`."),
        },
        "channels": {name: _channel(name, settings) for name in all_topics()},
        "operations": operations,
        "components": {"messages": messages, "schemas": {name: _plain(schema) for name, schema in shared.items()}},
    }


def _server(host: str, description: str) -> Schema:
    return {"host": host, "protocol": "kafka", "description": description, "bindings": {"kafka": BINDING}}


def _in_containers() -> str:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return str(compose["services"]["notifier"]["environment"]["KAFKA_BOOTSTRAP_SERVERS"])


def _channel(name: str, settings: KafkaSettings) -> Schema:
    options = options_of(name, settings)
    configs: dict[str, Any] = {
        key: int(value) if value.isdecimal() else value for key, value in options["configs"].items()
    }
    if policy := configs.get("cleanup.policy"):
        configs["cleanup.policy"] = policy.split(",")
    return {
        "address": name,
        "description": _about(name),
        "messages": {one: {"$ref": f"#/components/messages/{one}"} for one in _messages(name)},
        "bindings": {
            "kafka": {
                "partitions": options["num_partitions"],
                "replicas": options["replication_factor"],
                "topicConfiguration": configs,
            }
            | BINDING
        },
    }


def _messages(topic: str) -> list[str]:
    if topic in TOPICS:
        return [TOPICS[topic].event.__name__]
    return {"retry": ["Replay", "Dropped"], "dlq": ["DeadLetter"], "memory": ["Memory"]}[topic.split(".")[1]]


def _about(topic: str) -> str:
    if topic in TOPICS:
        return text_of(TOPICS[topic].event).partition("\n\n")[0]
    service, kind = topic.split(".")[:2]
    return {
        "dlq": f"What `{service}` could not handle.",
        "retry": f"Dead letters that are replayed for `{service}` alone, and what was done about each.",
        "memory": f"What `{service}` has done, for the next of its instances.",
    }[kind]


def _event(event: type[Event]) -> Schema:
    described = text_of(event)
    encoded = Encoded(event.type, "", "", "{}")
    record = Outgoing.of("", encoded, "service", Cause("cause"))
    headers = _headers(record)
    fixed = dict(record.headers)
    for name in ("ce_specversion", "ce_type", "content-type"):
        headers["properties"][name] |= {"const": fixed[name].decode()}
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": described.partition("\n\n")[0],
        "description": described,
        "contentType": JSON,
        "headers": headers,
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": text_of(event.key)}} | BINDING},
    }


def _of_the_runtime() -> dict[str, Schema]:
    """What the runtime itself publishes: the original of somebody else, as bytes."""
    original = Record("topic", 0, 0, 0, b"", b"", [])
    replayed = replay_record("topic", Replay("letter", 1), original)
    letter = Outgoing("topic", None, None, [(HEADER_PREFIX + reason, b"") for reason in REASONS])
    as_original = {"description": "As the original's."}
    return {
        "DeadLetter": _message(
            "A record that could not be handled, untouched, with why.", BYTES, as_original, as_original, letter
        ),
        "Dropped": _message(
            "A dead letter was dropped: nothing is handled.",
            BYTES,
            {"type": "null"},
            as_original,
            dropped_record("topic", 0, "letter", None),
        ),
        "Memory": _message(
            "What a service has done, by a key of its own.", JSON, {}, {"type": "string"}, Outgoing("", None, None, [])
        ),
        "Replay": _message(
            "The original of a dead letter again, with its own headers and these behind them.",
            BYTES,
            as_original,
            as_original,
            replayed,
        ),
    }


def _message(summary: str, media_type: str, payload: Schema, key: Schema, record: Outgoing) -> Schema:
    headers = {"headers": _headers(record)} if record.headers else {}
    return {
        "summary": summary,
        "contentType": media_type,
        **headers,
        "payload": payload,
        "bindings": {"kafka": {"key": key} | BINDING},
    }


def _headers(record: Outgoing) -> Schema:
    names = [name for name, _value in record.headers]
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": HEADERS[name]} for name in names},
        "required": [name for name in names if name not in OPTIONAL_HEADERS],
    }


def _operations(service: Service) -> Iterator[tuple[str, Schema]]:
    is_group = not service.page
    reads = all_topics() if service.reads == (ALL_TOPICS,) else service.reads
    for topic in reads:
        yield _operation(service, "receive", topic, is_group)
        if is_group:
            yield _operation(service, "receive", retries_of(service.name, topic), is_group)
    for topic in service.publishes:
        yield _operation(service, "send", topic, is_group)
    if is_group:
        yield _operation(service, "send", dead_letters_of(service.name), is_group)
    if service.remembers:
        yield _operation(service, "send", memory_of(service.name), is_group)
        yield _operation(service, "receive", memory_of(service.name), is_group=False)


def _operation(service: Service, action: str, topic: str, is_group: bool) -> tuple[str, Schema]:
    verb = "reads" if action == "receive" else "publishes to"
    made: Schema = {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "summary": f"`{service.name}` {verb} `{topic}`.",
        "tags": [{"name": service.name, "description": service.english.does}],
    }
    if action == "receive" and is_group:
        made["bindings"] = {"kafka": {"groupId": {"type": "string", "const": service.name}} | BINDING}
    return f"{service.name}.{action}.{topic}", made


def _plain(schema: Any) -> Any:
    """Without OpenAPI's way to tell which of several it is: in AsyncAPI that names the field alone."""
    if isinstance(schema, dict):
        made = {name: _plain(value) for name, value in schema.items()}
        if isinstance(made.get("discriminator"), dict):
            made["discriminator"] = made["discriminator"]["propertyName"]
        return made
    return [_plain(one) for one in schema] if isinstance(schema, list) else schema
