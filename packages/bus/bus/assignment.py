"""Which partitions this consumer has, and what of them is dropped when they move."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kafka import ConsumerRebalanceListener, TopicPartition
from service.log import get_logger

from .lane import Lane
from .metrics import Metrics
from .ports import Consumer
from .state import StateStores

log = get_logger(__name__)

Batches = Mapping[TopicPartition, list[Any]]


class _Move(NamedTuple):
    """What the group has told this consumer: the partitions that it has from now on, or those that it has lost."""

    assigned: frozenset[TopicPartition]
    lost: frozenset[TopicPartition] = frozenset()
    restarted: bool = False
    """Whether all partitions begin anew, where the group has committed."""


class Assignment(ConsumerRebalanceListener):
    """Keeps the lanes in step with the partitions of this consumer.

    kafka-python calls the listener on its own thread. So that only the loop changes lanes, what it says is noted here,
    and applied by the loop after each poll.

    kafka-python keeps the position of a partition that stays here from one generation of the group to the next, so its
    lane stays too. It also does so over generations without this consumer, when others may have had the partition: then
    all begins anew.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it moves partitions between
        self,
        consumer: Consumer,
        stores: StateStores,
        before_revoked: Callable[[], None],
        notify: Callable[[], None],
        metrics: Metrics,
        breaker_limit: int = 0,
    ):
        """`before_revoked` is called, on kafka-python's thread, before others get partitions of this consumer;
        `notify` when there is something to apply. `breaker_limit`: see lane.DeadLetterBreaker."""
        self._consumer = consumer
        self._stores = stores
        self._before_revoked = before_revoked
        self._notify = notify
        self._metrics = metrics
        self._breaker_limit = breaker_limit
        self._moves: deque[_Move] = deque()
        self._changes = 0
        """How often the group has taken this consumer's partitions away, be it to give them back."""
        self._unsettled_at_change = -1
        self._member = ("", 0)
        """Who this consumer was when it was last assigned partitions, and in which generation of the group."""
        self.lanes: dict[TopicPartition, Lane] = {}
        self.settled = False
        """Whether it is known whose the partitions are: until then nothing new is begun, another might do it too."""
        self.changed_at = time.monotonic()

    # On kafka-python's thread.

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Which of them go is known when the new assignment is."""
        self._changes += 1
        self._unsettle()
        self._before_revoked()

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Others have had these partitions: what is under way here no longer counts."""
        self._changes += 1
        self._unsettle()
        self._note(_Move(frozenset(), lost=frozenset(lost), restarted=True))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        (name, generation), self._member = self._member, self._consumer.member()
        restarted = self._member[0] != name or self._member[1] - generation not in (0, 1)
        if restarted:
            self._consumer.restart_from_committed(assigned)
        self._note(_Move(frozenset(assigned), restarted=restarted))

    def _unsettle(self) -> None:
        """Partitions do move; `unsettle` says that they may."""
        if self.settled:
            self.settled, self.changed_at = False, time.monotonic()
            self._notify()

    def _note(self, move: _Move) -> None:
        self._moves.append(move)
        self._notify()

    # On the loop's thread.

    def unsettle(self) -> None:
        """The group is about to move partitions: nothing new is begun."""
        if self.settled:
            self.settled, self.changed_at = False, time.monotonic()
            self._unsettled_at_change = self._changes

    def settle_again(self) -> None:
        """It has not come to that: the group takes nothing away."""
        if self._unsettled_at_change == self._changes and not self._moves:
            self.settled = True
        self._unsettled_at_change = -1

    def apply(self, batches: Batches) -> Batches:
        """Drop the lanes of partitions that have gone. Returns those of the polled records that may be taken in."""
        restarted, assigned, changes = False, None, self._changes
        while self._moves:
            move = self._moves.popleft()
            restarted |= move.restarted
            assigned = None if move.lost else move.assigned
            self._drop(self.lanes.keys() - move.assigned if not move.restarted else list(self.lanes))
        if assigned is None:
            return {} if restarted else batches
        if restarted and batches:  # they may be from before, or from after
            self._consumer.restart_from_committed(assigned)
            batches = {}
        if self._consumer.flowing() - assigned:
            self._consumer.rejoin()  # the group has moved on in this very moment
        else:
            self.settled, self.changed_at = not self._moves, time.monotonic()
            if changes != self._changes:  # a revocation came meanwhile, and found nothing to unsettle
                self.settled = False
        self._metrics.rebalances += 1
        log.info("partitions", assigned=sorted(f"{one.topic}/{one.partition}" for one in assigned))
        return {partition: records for partition, records in batches.items() if partition in assigned}

    def lane(self, partition: TopicPartition) -> Lane:
        """The lane of a partition, new where there is none."""
        lane = self.lanes.get(partition)
        if lane is None:
            lane = self.lanes[partition] = Lane()
            lane.dead_letters.limit = self._breaker_limit
        return lane

    def _drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Let go of partitions and of their state: others may have added to that by the time they come back."""
        for partition in partitions:
            lane = self.lanes.pop(partition, None)
            if lane:
                lane.live = False
        self._stores.keep_only({partition.partition for partition in self.lanes})
