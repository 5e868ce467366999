"""A poll gives out so many bytes, and the rest with the next."""

import pytest
from bus.kafka_fixes import bound_poll, has_buffered_records
from bus.record import HEADER_OVERHEAD_BYTES, RECORD_OVERHEAD_BYTES
from fetched import Consumer, encoded, values
from kafka import TopicPartition

A, B = TopicPartition("image", 0), TopicPartition("image", 1)
RECORD_BYTES = 1_000 + len("key") + len("namex") + RECORD_OVERHEAD_BYTES + HEADER_OVERHEAD_BYTES


def named(letter: bytes, count: int) -> list[bytes]:
    return [letter * 999 + b"%d" % number for number in range(count)]


def test_polls_give_out_so_many_bytes_until_nothing_is_left() -> None:
    consumer = Consumer(A, B)
    bound_poll(consumer, 2 * RECORD_BYTES)
    consumer.answer(A, encoded(*named(b"a", 3)))
    consumer.answer(B, encoded(*named(b"b", 2)))
    polls = []
    while polled := values(consumer.poll()):
        polls.append([value[-1:] for value in polled])
        assert has_buffered_records(consumer) or len(polls) == 3
    assert polls == [[b"0", b"1"], [b"2", b"0"], [b"1"]]


def test_one_record_comes_however_large_it_is() -> None:
    consumer = Consumer(A)
    bound_poll(consumer, 1)
    consumer.answer(A, encoded(*named(b"a", 2)))
    assert len(values(consumer.poll())) == 1
    assert len(values(consumer.poll())) == 1


def test_the_bound_may_be_changed_between_polls() -> None:
    consumer = Consumer(A)
    bound_poll(consumer, 1)
    consumer.answer(A, encoded(*named(b"a", 5)))
    assert len(values(consumer.poll())) == 1
    bound_poll(consumer, 3 * RECORD_BYTES)
    assert len(values(consumer.poll())) == 3


def test_the_rest_comes_after_a_pause() -> None:
    consumer = Consumer(A, B)
    bound_poll(consumer, RECORD_BYTES)
    consumer.answer(A, encoded(*named(b"a", 3)))
    consumer.poll()
    consumer.pause(A)
    consumer.answer(B, encoded(*named(b"b", 1)))
    assert values(consumer.poll()) == named(b"b", 1)
    consumer.resume(A)
    assert values(consumer.poll()) + values(consumer.poll()) == named(b"a", 3)[1:]


def test_a_count_of_records_counts_too() -> None:
    consumer = Consumer(A)
    bound_poll(consumer, 100 * RECORD_BYTES)
    consumer.answer(A, encoded(*named(b"a", 5)))
    assert len(values(consumer.poll(2))) == 2


def test_the_position_is_behind_what_was_given_out() -> None:
    consumer = Consumer(A)
    bound_poll(consumer, 2 * RECORD_BYTES)
    consumer.answer(A, encoded(*named(b"a", 3)))
    consumer.poll()
    assert consumer._subscription.assignment[A].position.offset == 2
    consumer.poll()
    consumer.poll()
    assert consumer._subscription.assignment[A].position.offset == 3


@pytest.mark.parametrize("start", [1, 2])
def test_a_fetch_that_begins_within_a_batch_begins_there(start: int) -> None:
    consumer = Consumer(A)
    bound_poll(consumer, RECORD_BYTES)
    consumer._subscription.seek(A, start)
    consumer.answer(A, encoded(*named(b"a", 3)), offset=start)
    assert values(consumer.poll()) == named(b"a", 3)[start : start + 1]
