"""What runs next."""

from itertools import chain
from typing import Any

import pytest
from bus import State, Worker
from bus.handler import Handler
from bus.lane import Delivery, Lane
from bus.scheduler import ALONE_AFTER_SECONDS, BATCH_RECORDS, RUN_RECORDS, Scheduler
from events import Cause, ImageUploaded
from kafka import TopicPartition
from sandbox import resources
from test_lane import Record


def one(upload: ImageUploaded) -> None:
    pass


def several(uploads: list[ImageUploaded]) -> list[None]:
    return [None for _ in uploads]


def stateful(upload: ImageUploaded, state: State) -> None:
    pass


def handler(function: Any = one, **how: Any) -> Handler:
    return Worker("example").on("image", **how)(function)


def lanes(*sizes: int) -> dict[TopicPartition, Lane]:
    """Lanes with so many records; each event has an id of its own."""
    made = {}
    for number, size in enumerate(sizes):
        lane = made[TopicPartition("image", number)] = Lane()
        for offset in range(size):
            delivery = lane.take(Record(offset, partition=number))
            assert delivery
            delivery.cause = Cause(f"{number}/{offset}")
    return made


def ids(calls: list[list[Delivery]]) -> list[list[str]]:
    return [[delivery.cause.id for delivery in call] for call in calls]


def flat(lists: list[list[Any]]) -> list[Any]:
    return list(chain.from_iterable(lists))


def finish(scheduler: Scheduler, call: list[Delivery]) -> None:
    for delivery in call:
        delivery.finish()
    scheduler.back(call)


def test_in_order_a_lane_is_handed_over_whole_and_again_when_all_is_done() -> None:
    scheduler, made = Scheduler(handler()), lanes(3)
    calls = scheduler.choose(made, now=0)
    assert ids(calls) == [["0/0"], ["0/1"], ["0/2"]]
    made[TopicPartition("image", 0)].take(Record(3))
    for call in calls:
        assert scheduler.choose(made, now=0) == []
        finish(scheduler, call)
    assert len(scheduler.choose(made, now=0)) == 1


def test_no_more_is_handed_over_than_there_is_room_for() -> None:
    assert len(Scheduler(handler()).choose(lanes(RUN_RECORDS, RUN_RECORDS), now=0)) == RUN_RECORDS
    scheduler = Scheduler(handler(concurrency=4))
    assert len(scheduler.choose(lanes(RUN_RECORDS * 2), now=0)) == RUN_RECORDS
    assert scheduler.full


def test_children_are_handed_what_they_work_on_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "available_cores", lambda: 2)
    scheduler = Scheduler(handler(sandboxed=True, concurrency=3))
    assert len(scheduler.choose(lanes(10, 10), now=0)) == 6


def test_by_key_one_of_each_is_handed_over_at_a_time() -> None:
    scheduler, made = Scheduler(handler(concurrency=4, ordered_by="key")), lanes(0)
    (lane,) = made.values()
    for offset, key in enumerate([b"full", b"full", b"ana", b"full", b"bia"]):
        delivery = lane.take(Record(offset, key=key))
        assert delivery
        delivery.cause = Cause(f"0/{offset}")
    calls = scheduler.choose(made, now=0)
    assert ids(calls) == [["0/0"], ["0/2"], ["0/4"]]
    assert scheduler.choose(made, now=0) == []
    finish(scheduler, calls[0])
    assert ids(scheduler.choose(made, now=0)) == [["0/1"]]


def test_lanes_take_turns() -> None:
    calls = Scheduler(handler(concurrency=2)).choose(lanes(3, 3), now=0)
    order = flat(ids(calls))
    assert [sorted(order[at : at + 2]) for at in (0, 2, 4)] == [["0/0", "1/0"], ["0/1", "1/1"], ["0/2", "1/2"]]


def test_a_handler_of_lists_is_given_a_batch_at_a_time() -> None:
    scheduler, made = Scheduler(handler(several)), lanes(BATCH_RECORDS, BATCH_RECORDS)
    (call,) = scheduler.choose(made, now=0)
    assert len(call) == BATCH_RECORDS
    assert scheduler.choose(made, now=0) == []


def test_what_is_to_be_handled_alone_is_a_batch_of_its_own() -> None:
    scheduler, made = Scheduler(handler(several)), lanes(4)
    deliveries = list(made[TopicPartition("image", 0)].deliveries)
    deliveries[1].single = deliveries[2].single = True
    sizes = []
    while calls := scheduler.choose(made, now=0):
        sizes.append(len(calls[0]))
        finish(scheduler, calls[0])
    assert sizes == [1, 1, 1, 1]


def test_an_event_that_is_in_the_log_twice_waits_for_its_other_delivery() -> None:
    scheduler, made = Scheduler(handler(concurrency=2)), lanes(3)
    first, second, _third = made[TopicPartition("image", 0)].deliveries
    second.cause = first.cause
    calls = scheduler.choose(made, now=0)
    assert ids(calls) == [["0/0"], ["0/2"]]
    assert scheduler.choose(made, now=0) == []
    finish(scheduler, calls[0])
    assert ids(scheduler.choose(made, now=0)) == [["0/0"]]


def test_the_state_of_a_partition_waits_for_calls_from_before_a_rebalance() -> None:
    scheduler, made = Scheduler(handler(stateful, concurrency=2)), lanes(1, 0)
    (call,) = scheduler.choose(made, now=0)
    call[0].lane.live = False
    anew = lanes(1, 1)
    assert ids(scheduler.choose(anew, now=0)) == [["1/0"]]
    scheduler.back(call)
    assert ids(scheduler.choose(anew, now=0)) == [["0/0"]]


# What killed a child process.


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> tuple[Scheduler, dict[TopicPartition, Lane], Delivery]:
    """A scheduler with room for three calls, and lanes whose first record has killed a child."""
    monkeypatch.setattr(resources, "available_cores", lambda: 1)
    made = lanes(5)
    bomb = next(iter(made[TopicPartition("image", 0)].deliveries))
    bomb.start()
    bomb.crashes = 1
    bomb.retry(0)
    return Scheduler(handler(sandboxed=True, concurrency=3)), made, bomb


def test_what_killed_a_child_is_left_until_nothing_else_is_to_do(deadly: Any) -> None:
    scheduler, made, bomb = deadly
    called = []
    while calls := scheduler.choose(made, now=bomb.due):
        called.append(flat(ids(calls)))
        for call in calls:
            finish(scheduler, call)
    assert called == [["0/1", "0/2", "0/3"], ["0/4"], ["0/0"]]


def test_it_runs_alone(deadly: Any) -> None:
    scheduler, made, bomb = deadly
    others = scheduler.choose(made, now=bomb.due)
    more = made[TopicPartition("image", 0)].take(Record(9))
    assert more
    late = bomb.due + ALONE_AFTER_SECONDS + 1
    assert scheduler.choose(made, now=late) == [], "after a while the others are held back for it"
    for call in others:
        finish(scheduler, call)
    assert scheduler.choose(made, now=late) == [[bomb]]
    assert scheduler.choose(made, now=late) == [], "nothing runs beside it"
    finish(scheduler, [bomb])
    assert more in flat(scheduler.choose(made, now=late))
