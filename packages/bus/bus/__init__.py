"""All that knows Kafka: topics, events, settings, the producer and the consumer runtime."""

from .errors import Final, GaveUp, Passing
from .events import Cause, Event, ImageUploaded, OperationFinished, Undecodable
from .memory import Memory
from .settings import EXIT_CONFIG, KafkaSettings, PublicUrl, Settings, load
from .worker import Worker

__all__ = [
    "EXIT_CONFIG",
    "Cause",
    "Event",
    "Final",
    "GaveUp",
    "ImageUploaded",
    "KafkaSettings",
    "Memory",
    "OperationFinished",
    "Passing",
    "PublicUrl",
    "Settings",
    "Undecodable",
    "Worker",
    "load",
]
