"""The same handlers on Arroyo, at least once: what is acknowledged is committed."""

import json
from collections.abc import Mapping
from typing import Any

from arroyo.backends.kafka import (
    KafkaConsumer,
    KafkaPayload,
    KafkaProducer,
    build_kafka_consumer_configuration,
    build_kafka_producer_configuration,
)
from arroyo.commit import CommitPolicy
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import CommitOffsets, ProcessingStrategy, ProcessingStrategyFactory, Produce, RunTask
from arroyo.types import Commit, Message, Partition, Topic
from bench.handled import ANSWERING, COMMIT_EVERY_SECONDS, Given, answer, tell_first

SERVERS = [Given.servers]


def handle(message: Message[KafkaPayload]) -> Any:
    upload = json.loads(message.payload.value)
    tell_first()
    return KafkaPayload(message.payload.key, json.dumps(answer(upload)).encode(), []) if ANSWERING else None


class Steps(ProcessingStrategyFactory[KafkaPayload]):
    def __init__(self) -> None:
        self.producer = KafkaProducer(build_kafka_producer_configuration({}, SERVERS))

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        last: ProcessingStrategy[Any] = CommitOffsets(commit)
        if ANSWERING:
            last = Produce(self.producer, Topic(Given.answers), last)
        return RunTask(handle, last)


consumer = KafkaConsumer(
    build_kafka_consumer_configuration({}, Given.group, "earliest", bootstrap_servers=SERVERS, enable_auto_commit=False)
)
every = CommitPolicy(min_commit_frequency_sec=COMMIT_EVERY_SECONDS, min_commit_messages=None)
StreamProcessor(consumer, Topic(Given.records), Steps(), every).run()
