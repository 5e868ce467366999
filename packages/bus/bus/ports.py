"""What the runtime needs of a cluster: Kafka (kafka_cluster.py), or one in memory for tests (testing.py)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Protocol

from kafka import TopicPartition

from .producer import Outgoing, Position
from .settings import KafkaSettings
from .state import Store


class Sender(Protocol):
    """What publishes records: the producer (producer.py)."""

    def send(self, outgoing: Outgoing) -> Any:
        """Hand over one record; `add_both` of the future tells its position or the error. Raises KafkaError."""

    def publish(self, records: Iterable[Outgoing]) -> list[Position]:
        """Publish, and wait until the broker has acknowledged all. Raises NotPublished."""

    def close(self, timeout: float = 3.0) -> None: ...


class Consumer(Protocol):
    """A member of a consumer group (consumer.py)."""

    def subscribe(self, topics: Iterable[str], listener: Any, notify: Callable[[], None]) -> None: ...

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, list[Any]]: ...

    def rebalancing(self) -> bool: ...

    def has_more(self) -> bool: ...

    def fetch_only(self, wanted: Callable[[TopicPartition], bool]) -> bool: ...

    def flowing(self) -> set[TopicPartition]: ...

    def offsets(self) -> dict[TopicPartition, tuple[int, int | None]]: ...

    def behind(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]: ...

    def commit(self, positions: Mapping[TopicPartition, int], done: Callable[[Exception | None], None]) -> None: ...

    def commit_now(self, positions: Mapping[TopicPartition, int]) -> None: ...

    def member(self) -> tuple[str, int]: ...

    def rejoin(self) -> None: ...

    def restart_from_committed(self, partitions: Iterable[TopicPartition]) -> None: ...

    def login_refused(self) -> bool: ...

    def close(self) -> None: ...


class Reader(Protocol):
    """Reads topics without a group (reader.py)."""

    def poll(self, timeout_ms: int) -> Mapping[TopicPartition, list[Any]]: ...

    def look_for_partitions(self) -> None: ...

    def positions(self) -> dict[TopicPartition, int]: ...

    def ends(self) -> dict[TopicPartition, int | None]: ...

    def login_refused(self) -> bool: ...

    def close(self) -> None: ...


class LogReader(Protocol):
    """Reads what topics hold, in stretches (log_reader.py)."""

    def __enter__(self) -> "LogReader": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def topics(self) -> set[str]: ...

    def ranges(self, topics: Collection[str]) -> Mapping[TopicPartition, tuple[int, int]]: ...

    def read(self, partition: TopicPartition, begin: int, end: int) -> Iterator[Any]: ...


class Cluster(Protocol):
    """Where a service gets what it needs to consume and to publish."""

    @property
    def settings(self) -> KafkaSettings: ...

    def producer(self) -> Sender: ...

    def consumer(self, group: str, client_id: str, stopping: Callable[[], bool]) -> Consumer: ...

    def ensure_topics(
        self,
        service: str,
        consumed: list[str],
        published: list[str],
        stateful: bool,
        stopping: Callable[[], bool],
    ) -> None: ...

    def reader(
        self,
        topics: Collection[str],
        begin_at: Mapping[TopicPartition, int],
        from_start: bool,
        stopping: Callable[[], bool],
    ) -> Reader: ...

    def readable_ends(
        self, positions: Mapping[TopicPartition, int], late: Callable[[], bool]
    ) -> dict[TopicPartition, int]: ...

    def log_reader(self) -> LogReader: ...

    def open_store(self, service: str, producer: Any, partition: int) -> Store: ...

    def log_in_again(self, stopping: Callable[[], bool]) -> None: ...
