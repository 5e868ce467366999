"""Calls a handler: in threads, or through them in child processes. Knows no Kafka.

What is handed over waits in one queue that all threads take from. So a cheap handler costs no thread switch a record,
and a slow record holds up its own thread alone.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import NamedTuple

from sandbox import ChildFailed, ChildPool
from service.log import about

from .handler import Handler, Outcome
from .lane import Delivery
from .record import timestamp_seconds
from .state import State, StateStores

Call = list[Delivery]
"""The deliveries that a handler is called with: one, or a batch."""


class Result(NamedTuple):
    """What came of a call; None: the handler was not called. `seconds`: how long it took."""

    call: Call
    outcome: Outcome | ChildFailed | BaseException | None
    seconds: float = 0.0


class Executor:
    """Calls one handler, `handler.slots` times at once.

    Results are collected together: the first notifies, those that come until it is looked at need not.
    """

    def __init__(
        self,
        handler: Handler,
        stores: StateStores,
        notify: Callable[["Executor"], None],
    ):
        """`notify` is called, from any thread, when there are results to `collect`."""
        self.handler = handler
        self._stores = stores
        self._notify = notify
        self._results: deque[Result] = deque()
        self._notified = False
        self._calls: SimpleQueue[Call] = SimpleQueue()
        self._since = [0.0] * handler.slots
        """Since when each thread is in a call; 0 while it is in none."""
        self._ended = threading.Condition()
        self._suspended = False
        self._children = (
            ChildPool(handler.outcome_in_child, concurrency=handler.concurrency) if handler.sandboxed else None
        )

    def start(self) -> None:
        """Bring up a child process and the threads. The template of the children is forked before there are threads."""
        if self._children:
            self._children.start()
        for number in range(self.handler.slots):
            name = f"{self.handler.name}-{number}"
            threading.Thread(target=self._work, args=(number,), daemon=True, name=name).start()

    def submit(self, calls: Sequence[Call]) -> None:
        for call in calls:
            self._calls.put(call)

    def collect(self) -> list[Result]:
        """What came of calls since the last time."""
        self._notified = False
        results = []
        while self._results:
            results.append(self._results.popleft())
        return results

    @property
    def children(self) -> int:
        """How many child processes run."""
        return self._children.alive if self._children else 0

    def oldest_call(self) -> float:
        """When the call began that has run longest (time.monotonic); infinity where none runs."""
        return min((since for since in self._since if since), default=float("inf"))

    def suspend(self) -> None:
        """Call the handler no more, until `resume`; calls that run go on."""
        self._suspended = True
        self._take_back()

    def finish_calls(self, seconds: float) -> None:
        """Call the handler no more, until `resume`, and wait for the calls that run, at most so long."""
        self.suspend()
        with self._ended:
            self._ended.wait_for(lambda: not any(self._since), seconds)

    def resume(self) -> None:
        """Call the handler again."""
        self._suspended = False

    def abandon(self) -> None:
        """Call the handler no more, and end its child processes; calls in threads go on."""
        self.suspend()
        if self._children:
            self._children.kill()

    def close(self) -> None:
        if self._children:
            self._children.close()

    def _take_back(self) -> None:
        with suppress(Empty):
            while True:
                self._report(Result(self._calls.get_nowait(), None))

    def _report(self, result: Result) -> None:
        self._results.append(result)
        if not self._notified:
            self._notified = True
            self._notify(self)

    def _work(self, number: int) -> None:
        while True:
            call = self._calls.get()
            since = self._since[number] = time.monotonic()
            outcome = self._outcome(call)
            result = Result(call, outcome, time.monotonic() - since)
            self._since[number] = 0.0
            self._report(result)
            if self._suspended:
                with self._ended:
                    self._ended.notify_all()

    def _outcome(self, call: Call) -> Outcome | ChildFailed | BaseException | None:
        lane = call[0].lane
        if self._suspended or lane.halted or not any(delivery.lane.live for delivery in call):
            return None
        try:
            outcome = self._called(call)
        except ChildFailed as error:
            return error
        except BaseException as error:  # SystemExit of a handler ends the process, from the loop
            return error
        if self.handler.ordered and outcome.kind != "done":
            lane.halted = True
        return outcome

    def _called(self, call: Call) -> Outcome:
        first = call[0]
        about.set(first.cause if len(call) == 1 else None)
        if first.exhausted:
            return self.handler.give_up(first.event, first.exhausted)
        if self._children:
            records = [[one.record.value.decode(), timestamp_seconds(one.original)] for one in call]
            return Outcome.from_json(self._children.call({"records": records}))
        if self.handler.batch:
            return self.handler.outcome([delivery.event for delivery in call])
        if self.handler.stateful:
            return self.handler.outcome(first.event, self._state(first))
        return self.handler.outcome(first.event)

    def _state(self, delivery: Delivery) -> State:
        return State(delivery.cause.id, self._stores.of(delivery.partition), delivery.attempts)
