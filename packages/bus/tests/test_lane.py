"""Bookkeeping of one partition: what may be committed, what may be started, and when it is tried again."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from bus.lane import Delivery, Lane


@dataclass
class Record:
    offset: int
    value: bytes = b""
    key: bytes | None = None
    headers: list[Any] = field(default_factory=list)
    partition: int = 0
    topic: str = "image"


def taken(*offsets: int) -> tuple[Lane, list[Delivery]]:
    """A lane that has taken records in, and their deliveries."""
    lane = Lane()
    deliveries = [lane.take(Record(offset)) for offset in offsets]
    return lane, [delivery for delivery in deliveries if delivery]


def offsets(deliveries: list[Delivery]) -> list[int]:
    return [delivery.record.offset for delivery in deliveries]


# What may be committed.


def test_nothing_is_committed_before_anything_is_done() -> None:
    lane, _ = taken(5, 6, 7)
    assert lane.position == lane.committed == 5


def test_only_what_has_nothing_open_before_it_is_committed() -> None:
    lane, deliveries = taken(5, 6, 7, 8)
    deliveries[1].finish()
    deliveries[3].finish()
    assert lane.position == lane.committed == 5
    deliveries[0].finish()
    assert lane.position == 7
    deliveries[2].finish()
    assert lane.position == 9


@pytest.mark.parametrize("state", ["waiting", "running", "publishing"])
def test_what_is_on_its_way_is_not_done(state: str) -> None:
    lane, (first, second) = taken(0, 1)
    if state != "waiting":
        first.start()
    if state == "publishing":
        first.publish([])
    assert first.state == state
    second.finish()
    assert lane.position == lane.committed == 0


def test_offsets_that_the_log_left_out_are_no_obstacle() -> None:
    lane, (first, second) = taken(10, 25)
    first.finish()
    assert lane.position == 25
    second.finish()
    assert lane.position == 26


def test_an_empty_lane_has_nothing_to_commit() -> None:
    assert Lane().position is None


def test_what_is_delivered_again_while_it_is_here_is_passed_over() -> None:
    lane, _ = taken(3, 4)
    assert [lane.take(Record(offset)) for offset in (3, 4)] == [None, None]
    assert lane.take(Record(5))
    assert offsets(list(lane.deliveries)) == [3, 4, 5]


def test_what_a_log_that_lost_its_end_has_there_now_is_taken() -> None:
    lane, (first, second, third) = taken(6, 7, 8)
    first.finish()
    second.finish()
    assert lane.position == 8
    new = [lane.take(Record(offset, b"new")) for offset in (7, 8)]
    assert all(new)
    assert lane.fetched == 9
    assert lane.position == 7
    third.finish()
    assert lane.position == 7
    for delivery in new:
        assert delivery
        delivery.finish()
    assert lane.position == 9


# How much is in hand.


def test_the_bytes_in_hand_are_those_of_records_headers_and_answers() -> None:
    lane = Lane()
    empty = lane.take(Record(0))
    assert empty
    before = lane.bytes
    large = lane.take(Record(1, b"v" * 1000, b"k" * 100, [("h" * 10, b"x" * 50), ("none", None)]))
    assert large
    assert lane.bytes - before >= 1164 + empty.bytes
    held = lane.bytes
    large.start()
    large.publish([Record(0, b"a" * 500)])
    assert lane.bytes == held + 500
    large.publish([Record(0, b"a" * 20)])
    assert lane.bytes == held + 20
    large.finish()
    assert lane.bytes == before
    empty.finish()
    assert lane.bytes == 0


# What may be started.


def test_in_order_nothing_passes_what_is_under_way() -> None:
    lane, deliveries = taken(0, 1, 2)
    assert offsets(lane.ready(0, ordered=True)) == [0, 1, 2]
    deliveries[0].start()
    assert lane.ready(0, ordered=True) == []
    deliveries[0].publish([])
    assert lane.ready(0, ordered=True) == []
    deliveries[0].finish()
    assert offsets(lane.ready(0, ordered=True)) == [1, 2]


def test_in_order_what_waits_for_its_next_try_holds_up_the_rest() -> None:
    lane, deliveries = taken(0, 1, 2)
    deliveries[1].start()
    deliveries[1].retry(now=100)
    assert offsets(lane.ready(100, ordered=True)) == [0]
    assert offsets(lane.ready(101, ordered=True)) == [0, 1, 2]


def test_side_by_side_only_the_record_itself_waits() -> None:
    lane, deliveries = taken(0, 1, 2, 3)
    deliveries[0].start()
    deliveries[1].start()
    deliveries[1].retry(now=100)
    assert offsets(lane.ready(100, ordered=False)) == [2, 3]
    assert offsets(lane.ready(101, ordered=False)) == [1, 2, 3]
    assert offsets(lane.ready(101, ordered=False, limit=2)) == [1, 2]


def test_by_key_only_records_with_the_same_key_wait_for_each_other() -> None:
    lane = Lane()
    for offset, key in enumerate([b"a", b"a", b"b", None, None, b"a"]):
        lane.take(Record(offset, key=key))
    first, second, *_ = lane.deliveries

    def ready(now: float = 0) -> list[int]:
        return offsets(lane.ready(now, ordered=False, by_key=True))

    assert ready() == [0, 2, 3, 4]
    first.start()
    assert ready() == [2, 3, 4]
    first.retry(now=100)
    assert ready(100) == [2, 3, 4]
    assert ready(101) == [0, 2, 3, 4]
    first.start()
    first.publish([])
    assert ready(101) == [2, 3, 4]
    first.finish()
    assert ready(101) == [1, 2, 3, 4]
    second.start()
    second.finish()
    assert ready(101) == [2, 3, 4, 5]


def test_by_key_what_is_held_back_is_not_passed_either() -> None:
    lane = Lane()
    for offset, key in enumerate([b"a", b"a", b"b"]):
        lane.take(Record(offset, key=key))
    first, *_ = lane.deliveries
    lane.dead_letters.limit, lane.dead_letters.in_a_row = 1, 1
    lane.dead_letters.another(0)
    first.start()
    first.hold()
    assert offsets(lane.ready(100, ordered=False, by_key=True)) == [2]


def test_what_was_handed_over_for_nothing_is_as_if_it_had_never_been() -> None:
    lane, (only,) = taken(0)
    only.start()
    only.give_back()
    assert (only.state, only.attempts, lane.under_way) == ("waiting", 0, 0)


def test_the_lane_knows_when_something_may_be_started_again() -> None:
    lane, (first, second) = taken(0, 1)
    assert lane.next_due(100) == float("inf")
    for delivery in (first, second):
        delivery.start()
    first.retry(100, at_least_seconds=60)
    second.retry(100, at_least_seconds=30)
    assert lane.next_due(100) == 130
    assert lane.next_due(131) == 160
    second.start()
    first.start()
    assert lane.next_due(100) == float("inf")


# When it is tried again.


def test_pauses_double_up_to_half_a_minute() -> None:
    _, (delivery,) = taken(0)
    expected = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    for attempt, pause in enumerate(expected, start=1):
        for _ in range(50):
            delivery.start()
            delivery.attempts = attempt
            told = delivery.retry(now=1000)
            assert 0.8 * pause <= told <= 1.2 * pause
            assert delivery.due == 1000 + told
        assert delivery.state == "waiting"


def test_pauses_stay_within_half_a_minute_after_a_thousand_tries() -> None:
    _, (delivery,) = taken(0)
    delivery.attempts = 1000
    assert delivery.retry(now=0) <= 36


def test_pauses_are_not_all_alike() -> None:
    _, (delivery,) = taken(0)
    assert len({delivery.retry(now=0) for _ in range(20)}) > 1


# What a handler that only makes dead letters does.


def fail(lane: Lane, now: float) -> list[int]:
    """Start what may be started, and fail each of it for good. Returns the offsets of those that were buried."""
    buried = []
    for delivery in lane.ready(now, ordered=False):
        delivery.start()
        if lane.dead_letters.another(now):
            delivery.hold()
        else:
            delivery.finish()
            buried.append(delivery.record.offset)
    return buried


def test_past_the_limit_dead_letters_are_held_back_and_tried_again_with_growing_pauses() -> None:
    lane, _ = taken(*range(20))
    lane.dead_letters.limit = 5
    assert fail(lane, now=0) == [0, 1, 2, 3, 4]
    assert lane.position == 5
    tries = []
    now = 0.0
    while len(tries) < 8:
        assert lane.ready(now, ordered=False) == []
        pause = lane.next_due(now) - now
        now += pause
        tries.append((pause, len(lane.ready(now, ordered=False))))
        assert fail(lane, now) == []
    assert [pause for pause, _number in tries] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [number for _pause, number in tries][:4] == [1, 2, 4, 8]
    assert lane.position == 5


def test_the_first_that_works_has_all_that_was_held_back_tried_again() -> None:
    lane, deliveries = taken(*range(10))
    lane.dead_letters.limit = 5
    fail(lane, now=0)
    fail(lane, now=lane.next_due(0))
    worked = deliveries[-1]
    worked.start()
    assert lane.worked()
    worked.finish()
    assert not lane.worked()
    assert fail(lane, now=1000) == [5, 6, 7, 8]
    assert lane.position == 10


def test_without_a_limit_all_are_buried() -> None:
    lane, _ = taken(*range(20))
    assert len(fail(lane, now=0)) == 20
