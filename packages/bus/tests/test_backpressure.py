from bus import backpressure
from bus.backpressure import MAX_IN_HAND_BYTES, MAX_LANE_RECORDS, Backpressure
from bus.lane import Lane
from bus.testing import Record
from kafka import TopicPartition

FIRST, SECOND = TopicPartition("image", 0), TopicPartition("image", 1)


def filled(count: int, value: bytes = b"") -> Lane:
    lane = Lane()
    for offset in range(count):
        lane.take(Record("image", 0, offset, 0, None, value))
    return lane


def done(lane: Lane, count: int) -> None:
    for delivery in list(lane.deliveries)[:count]:
        delivery.finish()


def test_a_partition_with_many_records_in_hand_is_paused_alone_until_half_are_done() -> None:
    pressure, lanes = Backpressure(), {FIRST: filled(MAX_LANE_RECORDS), SECOND: filled(1)}
    assert not pressure.update(lanes)
    assert (pressure.flows(FIRST), pressure.flows(SECOND)) == (False, True)
    done(lanes[FIRST], MAX_LANE_RECORDS // 2)
    assert not pressure.update(lanes)
    assert not pressure.flows(FIRST)
    done(lanes[FIRST], 1)
    assert pressure.update(lanes), "it may flow again"
    assert pressure.flows(FIRST)


def test_many_bytes_in_hand_pause_all_partitions_until_half_are_done() -> None:
    number = MAX_IN_HAND_BYTES // 1_000_000 + 1
    pressure, lanes = Backpressure(), {FIRST: filled(number, b"x" * 1_000_000), SECOND: filled(1)}
    pressure.update(lanes)
    assert (pressure.flows(FIRST), pressure.flows(SECOND)) == (False, False)
    done(lanes[FIRST], number // 2 + 1)
    assert pressure.update(lanes)
    assert pressure.flows(FIRST)
    assert pressure.flows(SECOND)


def test_a_partition_that_went_leaves_room_for_the_others() -> None:
    pressure = Backpressure()
    pressure.update({FIRST: filled(backpressure.MAX_LANE_RECORDS), SECOND: filled(1)})
    pressure.update({SECOND: filled(1)})
    assert pressure.flows(SECOND)
    assert pressure.flows(FIRST), "when it comes back, it begins empty"
