"""What all measurements of a run share: its broker, its cores, its folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from kafka import KafkaAdminClient, KafkaProducer

from .broker import Broker


class Bench:
    """Programs under test have the first core, broker and measuring the last."""

    def __init__(self, folder: Path, broker: Broker, cores: Sequence[int]):
        self.folder = folder
        self.broker = broker
        self.cores = cores
        self.producer = KafkaProducer(bootstrap_servers=broker.address)
        self.admin = KafkaAdminClient(bootstrap_servers=broker.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.producer.close()
        self.admin.close()

    @property
    def core(self) -> set[int]:
        """The core of a program under test."""
        return {self.cores[0]}

    def create_topics(self, *names: str, partitions: int) -> None:
        for name in names:
            self.admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
        self.admin.wait_for_topics(list(names))

    def environment(self, prefix: str, partitions: int) -> dict[str, str]:
        """For a program whose topics and groups begin with `prefix`."""
        return (
            os.environ
            | self.broker.settings
            | {
                "KAFKA_BOOTSTRAP_SERVERS": self.broker.address,
                "KAFKA_TOPIC_PREFIX": prefix,
                "KAFKA_GROUP_PREFIX": prefix,
                "KAFKA_PARTITIONS": str(partitions),
                "STORE_URL": self.folder.as_uri(),
                "RUN_DIR": str(self.folder),
                "LOG_LEVEL": "warning",
                "PYTHONWARNINGS": "ignore",
            }
        )
