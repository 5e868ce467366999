"""The broker in memory does what a real one does."""

import pytest
from bus.producer import NotPublished, Outgoing
from bus.testing import Broker
from bus.topics import MAX_DEAD_LETTER_BYTES
from kafka import TopicPartition
from kafka.errors import IllegalStateError, KafkaConnectionError, MessageSizeTooLargeError

RECORD = Outgoing("image", b"key", b"value", [])


def test_records_of_one_key_are_in_one_partition_in_order() -> None:
    broker = Broker(partitions=4)
    places = broker.producer().publish([RECORD] * 3)
    assert [place.offset for place in places] == [0, 1, 2]
    assert len({place.partition for place in places}) == 1


def test_publishing_waits_for_the_acknowledgement() -> None:
    broker = Broker()
    broker.holds_acknowledgements = True
    with pytest.raises(NotPublished):
        broker.producer().publish([RECORD])
    future = broker.producer().send(RECORD)
    assert not future.is_done
    broker.acknowledge()
    assert future.value.offset == 1


@pytest.mark.parametrize("bytes_", [MAX_DEAD_LETTER_BYTES + 1, 1_100_000])
def test_a_record_that_is_too_large_is_said_to_be(bytes_: int) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        Broker().producer().publish([RECORD._replace(value=b"x" * bytes_)])


def test_what_is_refused_is_not_published() -> None:
    broker = Broker()
    broker.refuse = lambda _record: KafkaConnectionError("gone")
    with pytest.raises(NotPublished):
        broker.producer().publish([RECORD])
    assert broker.records("image") == []


def test_a_closed_producer_sends_nothing() -> None:
    producer = Broker().producer()
    producer.close()
    with pytest.raises(IllegalStateError):
        producer.send(RECORD)


def test_a_member_knows_where_it_is_behind_in_the_partitions_that_it_has() -> None:
    broker = Broker()
    broker.append("image", b"", partition=0)
    member = broker.consumer("group", "client", lambda: False)
    member.topics = ["image"]
    first, second = TopicPartition("image", 0), TopicPartition("image", 1)
    member._positions = {first: 0}
    with pytest.raises(TypeError):
        member.behind([first, second])
    assert member.behind([first]) == {first: 0}
