from collections.abc import Iterable
from typing import Any

import pytest
from bus.assignment import Assignment
from bus.metrics import Metrics
from bus.state import StateStores
from kafka import TopicPartition

FIRST, SECOND = TopicPartition("image", 0), TopicPartition("image", 1)


class Consumer:
    """Who it is in the group, and what it was asked to do."""

    def __init__(self) -> None:
        self.name, self.generation = "member", 1
        self.restarted: list[set[TopicPartition]] = []
        self.rejoined = 0
        self.flows: set[TopicPartition] = set()

    def member(self) -> tuple[str, int]:
        return self.name, self.generation

    def restart_from_committed(self, partitions: Iterable[TopicPartition]) -> None:
        self.restarted.append(set(partitions))

    def flowing(self) -> set[TopicPartition]:
        return self.flows

    def rejoin(self) -> None:
        self.rejoined += 1


class Member:
    """An assignment, and what the group tells it."""

    def __init__(self) -> None:
        self.consumer = Consumer()
        self.finished: list[str] = []
        self.told: list[str] = []
        self.assignment = Assignment(
            self.consumer,  # type: ignore[arg-type]
            StateStores(lambda number: number),  # type: ignore[arg-type,return-value]
            before_revoked=lambda: self.finished.append("calls"),
            notify=lambda: self.told.append("poll"),
            metrics=Metrics(),
        )

    def is_given(self, *partitions: TopicPartition, generations: int = 1) -> None:
        self.consumer.generation += generations
        self.assignment.on_partitions_assigned(set(partitions))

    def apply(self, batches: Any = None) -> Any:
        return self.assignment.apply(batches or {})


@pytest.fixture
def member() -> Member:
    member = Member()
    member.is_given(FIRST, SECOND)
    member.apply()
    for partition in (FIRST, SECOND):
        member.assignment.lane(partition)
    return member


def test_it_is_at_rest_when_the_partitions_are_known(member: Member) -> None:
    assert member.assignment.settled
    member.assignment.on_partitions_revoked({FIRST, SECOND})
    assert not member.assignment.settled
    assert member.finished == ["calls"]
    assert member.apply({FIRST: ["record"]}) == {FIRST: ["record"]}, "which of them go is not known yet"
    assert not member.assignment.settled
    member.is_given(FIRST)
    assert not member.assignment.settled, "until the loop knows"
    member.apply()
    assert member.assignment.settled


def test_a_partition_that_stays_keeps_its_lane_and_one_that_goes_does_not(member: Member) -> None:
    stays, goes = member.assignment.lanes[FIRST], member.assignment.lanes[SECOND]
    member.assignment.on_partitions_revoked({FIRST, SECOND})
    member.is_given(FIRST)
    assert member.apply({FIRST: ["mine"], SECOND: ["not mine"]}) == {FIRST: ["mine"]}
    assert member.assignment.lanes == {FIRST: stays}
    assert (stays.live, goes.live) == (True, False)
    assert member.consumer.restarted == [{FIRST, SECOND}], "of the first time alone"


@pytest.mark.parametrize("generations", [2, 7])
def test_after_generations_without_it_all_begins_where_the_group_has_committed(
    member: Member, generations: int
) -> None:
    before = member.assignment.lanes[FIRST]
    member.is_given(FIRST, SECOND, generations=generations)
    assert member.apply({FIRST: ["from before, or from after"]}) == {}
    assert member.consumer.restarted[1:] == [{FIRST, SECOND}, {FIRST, SECOND}]
    assert not before.live
    assert member.assignment.lanes == {}


def test_partitions_that_others_have_had_begin_anew(member: Member) -> None:
    lanes = list(member.assignment.lanes.values())
    member.assignment.on_partitions_lost({FIRST, SECOND})
    assert member.apply({FIRST: ["record"]}) == {}
    assert not any(lane.live for lane in lanes)
    assert not member.assignment.settled


def test_where_the_consumer_reads_more_than_it_was_given_it_joins_again(member: Member) -> None:
    member.assignment.on_partitions_revoked({FIRST, SECOND})
    member.consumer.flows = {FIRST, SECOND}
    member.is_given(FIRST)
    member.apply()
    assert member.consumer.rejoined == 1
    assert not member.assignment.settled


def test_a_rebalance_that_is_due_and_does_not_come_changes_nothing(member: Member) -> None:
    member.assignment.unsettle()
    assert not member.assignment.settled
    member.assignment.settle_again()
    assert member.assignment.settled


@pytest.mark.parametrize("what", ["on_partitions_revoked", "on_partitions_lost"])
def test_one_that_came_is_waited_for(member: Member, what: str) -> None:
    member.assignment.unsettle()
    getattr(member.assignment, what)({FIRST, SECOND})
    member.assignment.settle_again()
    assert not member.assignment.settled
