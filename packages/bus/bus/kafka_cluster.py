"""A Kafka cluster, as the runtime knows it."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress

from events.catalogue import dead_letters_of, memory_of, retries_of
from kafka import TopicPartition
from service import refuse_to_start

from .clients import connect_admin
from .consumer import GroupConsumer
from .log_reader import LogReader
from .producer import Producer
from .reader import TopicReader, readable_ends
from .settings import KafkaSettings
from .state_store import PartitionStore
from .topics import MissingTopics, ensure

LINGER_MS = 5
"""How long an answer may wait for others: a request for each would cost more time than that."""
LOGIN_WITHIN_SECONDS = 8.0
"""Time for one more login where one was refused."""


class KafkaCluster:
    """The cluster that the settings name."""

    def __init__(self, settings: KafkaSettings):
        self.settings = settings

    def producer(self) -> Producer:
        return Producer(self.settings, linger_ms=LINGER_MS)

    def consumer(self, group: str, client_id: str, stopping: Callable[[], bool]) -> GroupConsumer:
        """Waits for a broker. Raises InterruptedError when `stopping` says so."""
        return GroupConsumer(self.settings, group, client_id, stopping)

    def ensure_topics(
        self,
        service: str,
        consumed: list[str],
        published: list[str],
        stateful: bool,
        stopping: Callable[[], bool],
    ) -> None:
        """Create what is missing; waits for a broker.

        Raises InterruptedError when `stopping` says so, SystemExit where topics are missing that may not be created.
        """
        with connect_admin(self.settings, stopping) as admin:
            try:
                ensure(admin, self.settings, [*consumed, *published, dead_letters_of(service)])
                described = admin.describe_topics([self.settings.topic(topic) for topic in consumed])
                partitions = {topic["name"]: len(topic["partitions"]) for topic in described}
                followers: dict[int, list[str]] = defaultdict(list)
                for topic in consumed:
                    followers[partitions[self.settings.topic(topic)]].append(retries_of(service, topic))
                if stateful:
                    followers[max(partitions.values())].append(memory_of(service))
                for number, topics in followers.items():
                    ensure(admin, self.settings.model_copy(update={"kafka_partitions": number}), topics)
            except MissingTopics as error:
                refuse_to_start(f"topics: {error}")

    def reader(
        self,
        topics: Collection[str],
        begin_at: Mapping[TopicPartition, int],
        from_start: bool,
        stopping: Callable[[], bool],
    ) -> TopicReader:
        """Waits for a broker. Raises InterruptedError when `stopping` says so."""
        return TopicReader(self.settings, topics, begin_at, from_start, stopping)

    def readable_ends(
        self, positions: Mapping[TopicPartition, int], late: Callable[[], bool]
    ) -> dict[TopicPartition, int]:
        """Where those partitions end now. Raises InterruptedError when it is `late`."""
        return readable_ends(self.settings, positions, late)

    def log_reader(self) -> LogReader:
        """Raises ConnectionError where no broker answers soon."""
        return LogReader(self.settings)

    def open_store(self, service: str, producer: Producer, partition: int) -> PartitionStore:
        return PartitionStore(service, partition, self.settings, producer)

    def log_in_again(self, stopping: Callable[[], bool]) -> None:
        """A login was refused, which may have been for a moment: try one more. Refused too, it ends the process."""
        deadline = time.monotonic() + LOGIN_WITHIN_SECONDS
        with suppress(InterruptedError):
            connect_admin(self.settings, lambda: stopping() or time.monotonic() > deadline).close()
