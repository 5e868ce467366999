"""Where a reader begins: on partitions that are there, and on those that a topic is given later."""

from contextlib import nullcontext
from typing import Any

import pytest
from bus import reader
from bus.reader import TopicReader
from bus.settings import KafkaSettings
from kafka import TopicPartition


class Consumer:
    """What kafka-python's consumer does with partitions; it stands at the end of those that it is not told where."""

    END = 7

    def __init__(self) -> None:
        self.partitions = {"image": {0}}
        self.at: dict[TopicPartition, int | None] = {}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self.partitions.get(topic)

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    def assign(self, partitions: set[TopicPartition]) -> None:
        self.at = {one: self.at.get(one) for one in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.at[partition] = offset

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        if (at := self.at[partition]) is None:
            at = self.at[partition] = self.END
        return at


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Consumer:
    consumer = Consumer()
    monkeypatch.setattr(reader, "connect_admin", lambda *_: nullcontext())
    monkeypatch.setattr(reader, "ensure", lambda *_: None)
    monkeypatch.setattr(reader, "connect_consumer", lambda *_, **__: nullcontext(consumer))
    return consumer


def read(consumer: Consumer, *topics: str, **begin_at: Any) -> TopicReader:
    return TopicReader(
        KafkaSettings(), topics or ("image",), **{"begin_at": {}, "from_start": False} | begin_at, stopping=bool
    )


IMAGE, ADDED, OTHER = TopicPartition("image", 0), TopicPartition("image", 1), TopicPartition("other", 0)


def test_from_now_on_begins_at_the_end(consumer: Consumer) -> None:
    read(consumer)
    assert consumer.at == {IMAGE: Consumer.END}


def test_from_the_start_leaves_it_to_the_reset(consumer: Consumer) -> None:
    read(consumer, from_start=True)
    assert consumer.at == {IMAGE: None}


def test_it_goes_on_where_it_was(consumer: Consumer) -> None:
    read(consumer, begin_at={IMAGE: 3})
    assert consumer.at == {IMAGE: 3}


def test_a_partition_that_comes_later_is_read_from_its_start(consumer: Consumer) -> None:
    """All of its records came after the reader began."""
    mine = read(consumer)
    consumer.partitions["image"].add(1)
    mine.look_for_partitions()
    assert consumer.at == {IMAGE: Consumer.END, ADDED: 0}


def test_a_topic_whose_partitions_are_told_later_is_not(consumer: Consumer) -> None:
    mine = read(consumer, "image", "other")
    consumer.partitions["other"] = {0}
    mine.look_for_partitions()
    assert consumer.at == {IMAGE: Consumer.END, OTHER: Consumer.END}
