"""What is left of a fetch when its partition is paused comes when it is resumed."""

from bus.kafka_fixes import has_buffered_records
from fetched import Consumer, encoded, values
from kafka import TopicPartition

A, B, C = (TopicPartition("image", number) for number in range(3))


def test_the_rest_comes_after_a_pause_in_which_others_were_read() -> None:
    consumer = Consumer(A, B)
    consumer.answer(A, encoded(b"a1", b"a2", b"a3"))
    assert values(consumer.poll(1)) == [b"a1"]
    consumer.pause(A)
    assert values(consumer.poll()) == []
    assert not has_buffered_records(consumer)
    consumer.answer(B, encoded(b"b1"))
    assert values(consumer.poll()) == [b"b1"]
    consumer.resume(A)
    assert has_buffered_records(consumer)
    assert values(consumer.poll()) == [b"a2", b"a3"]
    assert not has_buffered_records(consumer)


def test_one_poll_passes_over_leftovers_that_are_of_no_use_any_more() -> None:
    consumer = Consumer(A, B, C)
    for partition, names in {A: (b"a1", b"a2"), B: (b"b1", b"b2")}.items():
        consumer.answer(partition, encoded(*names))
        consumer.poll(1)
        consumer.pause(partition)
        consumer.poll()
    consumer._subscription.seek(A, 7)
    consumer.resume(A)
    consumer.resume(B)
    assert values(consumer.poll()) == [b"b2"]


def test_a_fetch_that_was_answered_meanwhile_comes_too() -> None:
    consumer = Consumer(A)
    consumer.pause(A)
    consumer.answer(A, encoded(b"a1"))
    assert values(consumer.poll()) == []
    consumer.resume(A)
    assert values(consumer.poll()) == [b"a1"]
