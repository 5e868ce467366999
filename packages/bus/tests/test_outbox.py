"""Answers on their way to the broker."""

import time
from typing import Any

import pytest
from bus.lane import Delivery, Lane
from bus.metrics import Metrics
from bus.outbox import HOLD_SECONDS, MAX_HELD, RETRY_SECONDS, Outbox, TooLarge
from bus.producer import Outgoing
from kafka.errors import KafkaConnectionError, MessageSizeTooLargeError
from kafka.future import Future
from test_lane import Record

RECORD = Outgoing("notification", b"k", b"{}", [])


class Sender:
    """Notes what is sent; acknowledges when the test says so."""

    def __init__(self) -> None:
        self.futures: list[Future] = []
        self.error: Exception | None = None
        self.tries = 0

    def send(self, _outgoing: Outgoing) -> Future:
        self.tries += 1
        if self.error:
            raise self.error
        self.futures.append(Future())
        return self.futures[-1]


@pytest.fixture
def sender() -> Sender:
    return Sender()


@pytest.fixture
def notes() -> list[int]:
    return []


@pytest.fixture
def outbox(sender: Any, notes: list[int]) -> Outbox:
    return Outbox(sender, lambda: notes.append(1), Metrics())


def deliveries(count: int) -> list[Delivery]:
    lane = Lane()
    taken = [lane.take(Record(offset)) for offset in range(count)]
    for one in taken:
        assert one
        one.start()
    return [one for one in taken if one]


def sent(outbox: Outbox, delivery: Delivery, count: int = 1) -> None:
    outbox.publish(delivery, [RECORD] * count)
    outbox.send(busy=False, now=time.monotonic())


def test_without_an_answer_it_is_done_at_once(outbox: Outbox) -> None:
    (only,) = deliveries(1)
    outbox.publish(only, [])
    assert only.state == "done"


def test_it_is_done_when_the_broker_has_all_answers_in_any_order(
    outbox: Outbox, sender: Sender, notes: list[int]
) -> None:
    first, second = deliveries(2)
    sent(outbox, first, 2)
    sent(outbox, second)
    for future in reversed(sender.futures[1:]):
        future.success(None)
    assert outbox.settle() == []
    assert (first.state, second.state, outbox.pending) == ("publishing", "done", 1)
    sender.futures[0].success(None)
    assert len(notes) == 2, "once for all that comes before the loop looks"
    outbox.settle()
    assert (first.state, outbox.pending) == ("done", 0)


def test_only_what_the_broker_does_not_have_is_published_again(outbox: Outbox, sender: Sender) -> None:
    (only,) = deliveries(1)
    first, second = RECORD, RECORD._replace(key=b"other")
    outbox.publish(only, [first, second])
    outbox.send(busy=False, now=time.monotonic())
    sender.futures[0].failure(KafkaConnectionError("gone"))
    outbox.settle()
    outbox.publish_again(time.monotonic() + RETRY_SECONDS + 1)
    assert len(sender.futures) == 2, "the other is still under way"
    sender.futures[1].success(None)
    outbox.settle()
    outbox.publish_again(time.monotonic() + RETRY_SECONDS + 1)
    assert only.outgoing == [first]
    assert len(sender.futures) == 3
    sender.futures[2].success(None)
    outbox.settle()
    assert only.state == "done"


def test_that_one_is_too_large_is_told_whatever_else_failed(outbox: Outbox, sender: Sender) -> None:
    (only,) = deliveries(1)
    large = RECORD._replace(key=b"large")
    outbox.publish(only, [RECORD, large])
    outbox.send(busy=False, now=time.monotonic())
    sender.futures[0].failure(KafkaConnectionError("gone"))
    sender.futures[1].failure(MessageSizeTooLargeError())
    assert outbox.settle() == [TooLarge(only, large, "MessageSizeTooLargeError")]


def test_what_is_too_large_is_told(outbox: Outbox, sender: Sender) -> None:
    first, second = deliveries(2)
    sent(outbox, first)
    sender.futures[0].failure(MessageSizeTooLargeError())
    assert outbox.settle() == [TooLarge(first, RECORD, "MessageSizeTooLargeError")]
    sender.error = MessageSizeTooLargeError()
    sent(outbox, second)
    assert outbox.settle() == [TooLarge(second, RECORD, "MessageSizeTooLargeError")]


def test_of_many_answers_one_is_tried_while_the_broker_is_away(outbox: Outbox, sender: Sender) -> None:
    sender.error = KafkaConnectionError("away")
    many = deliveries(50)
    for one in many:
        outbox.publish(one, [RECORD])
    outbox.send(busy=False, now=time.monotonic())
    outbox.settle()
    assert sender.tries == 1
    assert outbox.pending == 0, "they wait for the broker, not for an acknowledgement"
    assert time.monotonic() < outbox.next_due() <= time.monotonic() + RETRY_SECONDS


def test_what_a_partition_that_has_gone_was_answered_with_is_not_published_again(
    outbox: Outbox, sender: Sender
) -> None:
    (only,) = deliveries(1)
    sent(outbox, only)
    sender.futures[0].failure(KafkaConnectionError("gone"))
    outbox.settle()
    only.lane.live = False
    outbox.publish_again(time.monotonic() + RETRY_SECONDS + 1)
    assert len(sender.futures) == 1


def test_while_handlers_are_busy_a_few_answers_wait_for_others(outbox: Outbox, sender: Sender) -> None:
    many = deliveries(MAX_HELD)
    now = time.monotonic()
    outbox.publish(many[0], [RECORD])
    outbox.send(busy=True, now=now)
    assert (sender.tries, outbox.pending) == (0, 1)
    assert now < outbox.next_due() <= now + HOLD_SECONDS + 1
    outbox.send(busy=True, now=outbox.next_due())
    assert sender.tries == 1
    for one in many[1:]:
        outbox.publish(one, [RECORD])
        outbox.send(busy=True, now=now)
    assert sender.tries == 1
    outbox.send(busy=False, now=now)
    assert sender.tries == MAX_HELD
