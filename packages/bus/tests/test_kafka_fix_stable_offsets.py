"""The last stable offset is what the last fetch told."""

import pytest
from bus.kafka_fixes import last_stable_offset, readable_end
from fetched import Consumer, encoded
from kafka import TopicPartition

A = TopicPartition("image", 0)


def test_it_is_unknown_before_the_first_fetch() -> None:
    consumer = Consumer(A)
    assert last_stable_offset(consumer, A) is None
    assert readable_end(consumer, A) is None


@pytest.mark.parametrize(
    ("high_water_mark", "told", "stable", "end"),
    [(5, 2, 2, 2), (5, 5, 5, 5), (5, -1, None, 5), (5, 7, 7, 5), (2, 0, 0, 0)],
)
def test_the_end_for_who_reads_what_is_committed(high_water_mark: int, told: int, stable: int | None, end: int) -> None:
    consumer = Consumer(A)
    consumer.answer(A, b"", high_watermark=high_water_mark, last_stable_offset=told)
    consumer.poll()
    assert last_stable_offset(consumer, A) == stable
    assert readable_end(consumer, A) == end


def test_each_fetch_tells_anew() -> None:
    consumer = Consumer(A)
    consumer.answer(A, encoded(b"a", b"b"), high_watermark=4, last_stable_offset=2)
    consumer.poll()
    assert last_stable_offset(consumer, A) == 2
    consumer.answer(A, encoded(b"c", b"d", first=2), offset=2, high_watermark=4, last_stable_offset=4)
    consumer.poll()
    assert last_stable_offset(consumer, A) == 4
