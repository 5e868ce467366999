"""Bookkeeping of one partition: what may be committed, what may be started, and when it is tried again."""

from dataclasses import dataclass

import pytest
from bus.lanes import Delivery, Lane


@dataclass
class Record:
    offset: int
    value: str = ""


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
    assert not lane.settle()
    assert lane.position == 5


def test_only_what_has_nothing_open_before_it_is_committed() -> None:
    lane, deliveries = taken(5, 6, 7, 8)
    deliveries[1].state = deliveries[3].state = "done"
    assert not lane.settle()
    deliveries[0].state = "done"
    assert lane.settle()
    assert lane.position == 7
    deliveries[2].state = "done"
    assert lane.settle()
    assert lane.position == 9


@pytest.mark.parametrize("state", ["waiting", "running", "publishing"])
def test_what_is_on_its_way_is_not_done(state: str) -> None:
    lane, (first, second) = taken(0, 1)
    first.state, second.state = state, "done"  # type: ignore[assignment]
    assert not lane.settle()
    assert lane.position == 0


def test_offsets_that_the_log_left_out_are_no_obstacle() -> None:
    lane, (first, second) = taken(10, 25)
    first.state = "done"
    assert lane.settle()
    assert lane.position == 25
    second.state = "done"
    assert lane.settle()
    assert lane.position == 26


def test_what_is_committed_is_not_committed_again() -> None:
    lane, (only,) = taken(3)
    only.state = "done"
    assert lane.settle()
    lane.committed = lane.position
    assert not lane.settle()


def test_an_empty_lane_has_nothing_to_commit() -> None:
    assert not Lane().settle()


def test_what_is_delivered_again_while_it_is_here_is_passed_over() -> None:
    lane, _ = taken(3, 4)
    assert [lane.take(Record(offset)) for offset in (3, 4)] == [None, None]
    assert lane.take(Record(5))
    assert offsets(lane.deliveries) == [3, 4, 5]


def test_what_a_log_that_lost_its_end_has_there_now_is_taken() -> None:
    lane, (first, second, third) = taken(6, 7, 8)
    first.state = second.state = "done"
    assert lane.settle()
    assert lane.position == 8
    new = [lane.take(Record(offset, "new")) for offset in (7, 8)]
    assert all(new)
    assert lane.fetched == 9
    assert lane.settle()
    assert lane.position == 7
    third.state = "done"
    assert lane.settle()
    assert lane.position == 7
    new[0].state = new[1].state = "done"  # type: ignore[union-attr]
    assert lane.settle()
    assert lane.position == 9


# What may be started.


def test_in_order_nothing_passes_what_is_under_way() -> None:
    lane, deliveries = taken(0, 1, 2)
    assert offsets(lane.ready(0, ordered=True)) == [0, 1, 2]
    deliveries[0].state = "running"
    assert lane.ready(0, ordered=True) == []
    deliveries[0].state = "publishing"
    assert lane.ready(0, ordered=True) == []
    deliveries[0].state = "done"
    assert offsets(lane.ready(0, ordered=True)) == [1, 2]


def test_in_order_what_waits_for_its_next_try_holds_up_the_rest() -> None:
    lane, deliveries = taken(0, 1, 2)
    deliveries[1].put_off(now=100)
    assert offsets(lane.ready(100, ordered=True)) == [0]
    assert offsets(lane.ready(101, ordered=True)) == [0, 1, 2]


def test_side_by_side_only_the_record_itself_waits() -> None:
    lane, deliveries = taken(0, 1, 2, 3)
    deliveries[0].state = "running"
    deliveries[1].put_off(now=100)
    assert offsets(lane.ready(100, ordered=False)) == [2, 3]
    assert offsets(lane.ready(101, ordered=False)) == [1, 2, 3]


# When it is tried again.


def test_pauses_double_up_to_half_a_minute() -> None:
    _, (delivery,) = taken(0)
    expected = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    for attempt, pause in enumerate(expected, start=1):
        delivery.attempts = attempt
        delivery.state = "running"
        for _ in range(50):
            told = delivery.put_off(now=1000)
            assert 0.8 * pause <= told <= 1.2 * pause
            assert delivery.due == 1000 + told
        assert delivery.state == "waiting"


def test_pauses_stay_within_half_a_minute_after_a_thousand_tries() -> None:
    _, (delivery,) = taken(0)
    delivery.attempts = 1000
    assert delivery.put_off(now=0) <= 36


def test_pauses_are_not_all_alike() -> None:
    _, (delivery,) = taken(0)
    assert len({delivery.put_off(now=0) for _ in range(20)}) > 1
