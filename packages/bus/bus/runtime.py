"""The consumer runtime: takes records, runs handlers, publishes what they answer, then commits.

At least once, always: an offset is committed when everything before it has been answered and the broker has
acknowledged the answers.

One thread, the loop, decides all of it. It sleeps until something happens: records have arrived, a handler has ended,
the broker has acknowledged, a pause is over, a signal came. Handlers run in threads or in child processes, so that
polling and heartbeats go on whatever they do. Each part has one job:

    lane.py        what of one partition is finished, up to where may be committed
    scheduler.py   what runs next
    executor.py    calls the handler
    decision.py    what becomes of the record
    outbox.py      what is still to be published, and what the broker has acknowledged
    offsets.py     commits
    assignment.py  whose the partitions are, what is dropped when they move
    backpressure.py  of which partitions more is fetched
    watchdog.py    whether there is progress
    metrics.py     what is counted of all that, for Prometheus
    tracing.py     spans of all that, for OpenTelemetry
"""

import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from events import Cause, Undecodable
from events.catalogue import dead_letters_of, retries_of
from kafka import TopicPartition
from kafka.errors import KafkaError
from sandbox import ChildFailed
from service import EXIT_STALLED, Stop, log

from .assignment import Assignment
from .backpressure import Backpressure
from .dead_letters.letter import dead_letter, smaller
from .decision import Bury, Decision, GiveUp, Publish, Retry, RetryAlone, decide
from .executor import Executor
from .handler import Answer, Handler, Outcome
from .kafka_fixes import UnreadableRecord
from .lane import Delivery, Lane
from .metrics import Metrics, Partition, Snapshot
from .offsets import Offsets
from .outbox import Outbox
from .ports import Cluster, Consumer
from .producer import Outgoing
from .record import timestamp_seconds
from .replay import is_dropped, replayed
from .scheduler import Scheduler
from .settings import KafkaSettings
from .state import StateStores
from .tracing import Tracing
from .watchdog import Watchdog

logger = log.get_logger(__name__)

POLL_EVERY_SECONDS = 2.0
"""Time between polls where nothing arrives: the group is kept alive by them."""
REBALANCE_POLL_MS = 500
"""How long a poll waits while the group rebalances. kafka-python 3.0.12 begins to join anew, and so for ever, when an
answer comes between two short polls."""
REBALANCE_WAITS_SECONDS = 5.0
"""Time that a rebalance of the group waits for what has begun here: all its members wait with it."""
SNAPSHOT_WITHIN_SECONDS = 1.0
"""Time that Prometheus waits for the loop to tell how it is."""
STOP_WITHIN_SECONDS = 5.0
"""Time that a handler in a thread has to finish after SIGTERM."""


class Runtime:
    """Runs the handlers of one service until it is told to stop."""

    def __init__(self, name: str, handlers: Mapping[str, Handler], settings: KafkaSettings, cluster: Cluster):
        self.name = name
        self.topics = {settings.topic(topic): topic for topic in handlers}
        """What it reads: the names of topics on the cluster, and in the suite."""
        self._retries = {settings.topic(retries_of(name, topic)): retries_of(name, topic) for topic in handlers}
        """The topics of replayed dead letters, likewise."""
        self._retries_beside = dict(zip(self.topics, self._retries, strict=True))
        self.handlers = dict(zip([*self.topics, *self._retries], [*handlers.values()] * 2, strict=True))
        """By the names of their topics on the cluster; that of replays has the handler of its source."""
        self.metrics = Metrics(self.topics | self._retries)
        self.stopping = Stop()
        self._settings = settings
        self._cluster = cluster
        self._group = settings.group(name)
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        """What other threads have to tell, as calls that the loop makes."""
        self._backpressure = Backpressure(len(handlers), self._retries)
        self._poll_due = 0.0
        self._poll_error = ""
        self._commit_due = float("inf")
        self._rebalance_due = 0.0
        """Until when a rebalance waits for what is begun; 0 where the group is at rest."""
        self._status = 0
        self._producer = cluster.producer()
        self._stores = StateStores(partial(cluster.open_store, name, self._producer))
        self._executors = {handler: Executor(handler, self._stores, self._handled) for handler in handlers.values()}
        self._schedulers = {handler: Scheduler(handler) for handler in handlers.values()}
        self._tracing = Tracing.of(name, self._group, self.metrics.topics)
        self._outbox = Outbox(self._producer, lambda: self._inbox.put(self._settle), self.metrics, self._tracing)

    # The way of the process.

    def run(self) -> int:
        """Consume until a signal says stop. Returns the exit status."""
        log.configure(self.name)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.end())
        try:
            self.start()
        except InterruptedError:
            return 0
        logger.info("ready", topics=sorted(self.topics), group=self._group)
        self._watchdog.start(self.stopping.wait)
        try:
            while not self.stopping.is_set():
                self.turn()
        except SystemExit as end:
            self._status = end.code if isinstance(end.code, int) else EXIT_STALLED
        except Exception:
            logger.exception("the consumer failed; a restart is due")
            self._status = EXIT_STALLED
        self._watchdog.status = self._status
        self.stop()
        return self._status

    def end(self) -> None:
        """Have the loop end; a signal handler may call it."""
        self.stopping.set()
        self._inbox.put(lambda: None)

    def start(self) -> None:
        """Bring up children, topics and the consumer; waits for a broker.

        Raises InterruptedError when told to stop, SystemExit where topics are missing that may not be created.
        """
        for executor in self._executors.values():
            executor.start()
        handlers = list(self._executors)
        self._cluster.ensure_topics(
            self.name,
            consumed=[handler.topic for handler in handlers],
            published=[topic for handler in handlers for topic in handler.publishes],
            stateful=any(handler.stateful for handler in handlers),
            stopping=self.stopping.is_set,
        )
        self._consumer: Consumer = self._cluster.consumer(self._group, self.name, self.stopping.is_set)
        self._assignment = Assignment(
            self._consumer,
            self._stores,
            before_revoked=self._finish_stateful_calls,
            notify=self._poll_soon,
            metrics=self.metrics,
            breaker_limit=self._settings.dead_letters_in_a_row,
        )
        self._offsets = Offsets(self._consumer, self._inbox.put, self.metrics)
        self._watchdog = Watchdog(self.name, self._consumer, self.metrics)
        self._consumer.subscribe(self.handlers, self._assignment, self._poll_soon)
        self._watchdog.beat()

    @property
    def lanes(self) -> Mapping[TopicPartition, Lane]:
        """What is in hand, by partition."""
        return self._assignment.lanes

    def turn(self) -> None:
        """One turn of the loop. Raises SystemExit where a handler, or the broker that refuses the login, ends it."""
        # 1. Sleep until something happens; hear what handlers, broker and timers have to tell.
        self._listen(self._next_due())
        # 2. Take in what has arrived, as far as there is room for it.
        if self._backpressure.update(self.lanes) or time.monotonic() >= self._poll_due or self._rebalance_due:
            self._take_in()
        # 3. Call handlers with what is ready.
        self._call_handlers()
        # 4. Publish what they have answered, and again what the broker did not take.
        self._outbox.publish_again(time.monotonic())
        self._outbox.send(self._busy(), time.monotonic())
        # 5. Commit what is done.
        self._commit_due = self._offsets.commit(self.lanes, self._hurry(), time.monotonic())
        # 6. Say that there is progress.
        self._report_progress()

    def stop(self) -> None:
        """Abandon what is not finished (it was not committed), keep what is, leave the group."""
        self.stopping.set()
        for executor in self._executors.values():
            executor.abandon()
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        while (self._running() or self._outbox.pending) and time.monotonic() < deadline:
            self._outbox.send(busy=False, now=time.monotonic())
            self._listen(deadline)
        self._offsets.commit_now(self.lanes)
        try:
            self._consumer.close()
        except KafkaError as error:
            logger.warning("the group was not left in order", error=str(error))
        for executor in self._executors.values():
            executor.close()
        self._producer.close(timeout=1)
        if self._tracing:
            self._tracing.close()
        logger.info("stopped")

    # 1. Listen.

    def _next_due(self) -> float:
        """When there is something to do though nothing happens (time.monotonic)."""
        now = time.monotonic()
        return min(
            self._poll_due,
            self._commit_due,
            self._outbox.next_due(),
            self._watchdog.next_due(),
            *(lane.next_due(now) for lane in self.lanes.values()),
        )

    def _listen(self, until: float) -> None:
        """Make the calls that other threads have put in; wait for the first of them, until then at most."""
        with suppress(Empty):
            if (patience := until - time.monotonic()) > 0:
                self._inbox.get(timeout=patience)()
            while True:
                self._inbox.get_nowait()()

    def _poll_soon(self) -> None:
        """From any thread: there is something to poll for."""
        self._inbox.put(self._poll_now)

    def _poll_now(self) -> None:
        self._poll_due = 0.0

    # 2. Take in.

    def _take_in(self) -> None:
        if self._consumer.login_refused():
            self._cluster.log_in_again(self.stopping.is_set)
        if not self._ready_to_poll():
            return
        self._consumer.fetch_only(self._backpressure.flows)
        began_ns = time.time_ns()
        try:
            batches = self._consumer.poll(0 if self._assignment.settled else REBALANCE_POLL_MS)
        except KafkaError as error:
            if self._poll_error != str(error):
                self._poll_error = str(error)
                logger.warning("poll failed, trying again", error=self._poll_error)
            self._poll_due = time.monotonic() + POLL_EVERY_SECONDS
            return
        self._poll_error = ""
        batches = self._assignment.apply(batches)
        if self._assignment.settled:
            self._rebalance_due = 0.0
            for executor in self._executors.values():
                executor.resume()
        for partition, records in batches.items():
            self.metrics.taken[partition.topic] += len(records)
            lane = self._assignment.lane(partition)
            taken = []
            for record in records:
                if delivery := lane.take(record):
                    self._decode(delivery)
                    taken.append(delivery)
            if self._tracing:
                self._tracing.received(taken, began_ns)
        self._backpressure.update(self.lanes)
        self._consumer.fetch_only(self._backpressure.flows)
        at_once = self._consumer.has_more() or not self._assignment.settled  # then poll itself waits
        self._poll_due = 0.0 if at_once else time.monotonic() + POLL_EVERY_SECONDS

    def _ready_to_poll(self) -> bool:
        """Whether nothing stands in the way of the next poll, which lets others get partitions while the group
        rebalances: what is begun is finished and committed first, else they would do it again. For a while at most.
        """
        if not self._consumer.rebalancing():
            if self._rebalance_due:
                self._rebalance_due = 0.0
                self._assignment.settle_again()
            return True
        now = time.monotonic()
        if not self._rebalance_due:
            self._assignment.unsettle()
            for executor in self._executors.values():
                executor.suspend()
            self._rebalance_due = now + REBALANCE_WAITS_SECONDS
        begun = self._running() or self._outbox.pending or not self._offsets.all_committed(self.lanes)
        if begun and now < self._rebalance_due:
            self._poll_due = self._rebalance_due  # what ends meanwhile wakes the loop
            return False
        return True

    def _decode(self, delivery: Delivery) -> None:
        self._watchdog.turned()  # many may come at once
        handler = self.handlers[delivery.record.topic]
        if delivery.record.topic in self._retries and not self._replays(delivery):
            self.metrics.outcomes[delivery.record.topic].passed_over += 1
            self._outbox.publish(delivery, [])
            return
        record = delivery.original
        topic = self._retries.get(record.topic, handler.topic)
        delivery.cause = Cause.of(topic, record.partition, record.offset, record.headers)
        if delivery.replay:
            logger.info("replaying", **_record(delivery), dead_letter=delivery.replay.letter)
        if isinstance(record.value, UnreadableRecord):
            self._bury(delivery, record.value.error, record.value.reason)
            return
        try:
            delivery.event = handler.decode(record)
        except Undecodable as error:
            self._bury(delivery, "Undecodable", str(error))
            return
        if handler.delay_seconds:
            age = time.time() - timestamp_seconds(record)
            delivery.delay(time.monotonic() + handler.delay_seconds - max(0.0, age))  # clocks may differ

    def _replays(self, delivery: Delivery) -> bool:
        """Whether a record on a topic of replays is for this group to handle; one that is has its original then."""
        if is_dropped(delivery.record):
            return False
        if found := replayed(delivery.record):
            delivery.original, delivery.replay = found
            if delivery.replay.group not in {"", self._group}:
                return False
        return True

    # 3. Call handlers.

    def _call_handlers(self) -> None:
        if not self._assignment.settled:
            return
        now = time.monotonic()
        for handler, scheduler in self._schedulers.items():
            lanes = {one: lane for one, lane in self.lanes.items() if self.handlers[one.topic] is handler}
            while calls := scheduler.choose(lanes, now):
                self._executors[handler].submit(calls)

    def _handled(self, executor: Executor) -> None:
        """From a handler's thread: something came of calls."""
        self._inbox.put(partial(self._conclude, executor))

    def _conclude(self, executor: Executor) -> None:
        """Handlers have been called: carry out what is decided of each record.

        Those whose partition another consumer has by now come again there; so does what is abandoned. Raises what
        ends a handler's thread.
        """
        ended: BaseException | None = None
        for call, outcome, seconds in executor.collect():
            self._schedulers[executor.handler].back(call)
            if outcome is None:
                for delivery in call:
                    delivery.give_back()
                continue
            if not isinstance(outcome, Outcome | ChildFailed):
                ended = outcome
                continue
            self.metrics.durations[executor.handler.name].add(seconds)
            if self._tracing:
                self._tracing.handled(executor.handler.name, call, outcome, seconds)
            if isinstance(outcome, ChildFailed):
                self.metrics.child_failed(executor.handler.name, outcome)
            for delivery, decision in zip(call, decide(call, outcome), strict=True):
                if delivery.lane.live and (isinstance(decision, Publish) or not self.stopping.is_set()):
                    self._carry_out(delivery, decision)
        if ended and not self.stopping.is_set():
            raise ended

    def _carry_out(self, delivery: Delivery, decision: Decision) -> None:
        match decision:
            case Publish(answers):
                self.metrics.outcomes[delivery.record.topic].answered += 1
                self._handler_works(delivery)
                self._outbox.publish(delivery, self._outgoing(delivery, answers))
            case Retry(error, at_least_seconds):
                self.metrics.outcomes[delivery.record.topic].retried += 1
                pause = round(delivery.retry(time.monotonic(), at_least_seconds), 1)
                logger.warning(
                    "retrying", **_record(delivery), error=error, attempts=delivery.attempts, pause_seconds=pause
                )
            case RetryAlone():
                self.metrics.outcomes[delivery.record.topic].retried += 1
                delivery.retry_alone()
            case GiveUp(error, trace):
                if trace:
                    logger.error("attempts exhausted", **_record(delivery), trace=trace)
                delivery.give_up(error)
            case Bury(error, message, answers, trace):
                if trace:
                    logger.error("on_failure failed", **_record(delivery), trace=trace)
                if self._held_back(delivery, error, message):
                    self.metrics.outcomes[delivery.record.topic].held_back += 1
                    delivery.hold()
                else:
                    self._bury(delivery, error, message, answers)

    def _held_back(self, delivery: Delivery, error: str, message: str) -> bool:
        """Count a handler's dead letter; returns whether it must wait, since there are too many in a row."""
        breaker = delivery.lane.dead_letters
        was_open = breaker.open
        held = breaker.another(time.monotonic())
        if held and not was_open:
            logger.error(
                "dead letters one after another: the partition is paused, and tried again with growing pauses",
                partition=f"{delivery.record.topic}/{delivery.record.partition}",
                dead_letters=breaker.limit,
                error=f"{error}: {message}",
            )
        return held

    def _handler_works(self, delivery: Delivery) -> None:
        self._go_on(delivery.record.topic, delivery.record.partition, delivery.lane)
        if retries := self._retries_beside.get(delivery.record.topic):  # else they might wait for ever
            self._go_on(retries, delivery.partition, self.lanes.get(TopicPartition(retries, delivery.partition)))

    def _go_on(self, topic: str, partition: int, lane: Lane | None) -> None:
        if lane and lane.dead_letters.in_a_row and lane.worked():
            logger.info("the handler works again: the partition goes on", partition=f"{topic}/{partition}")

    def _finish_stateful_calls(self) -> None:
        """From kafka-python's thread: let handlers with a state finish before others get their partitions, since they
        read that state at once. Heartbeats wait too, so for no longer than the group has patience."""
        deadline = time.monotonic() + self._settings.kafka_session_timeout_ms / 2_000
        for handler, executor in self._executors.items():
            if handler.stateful:
                executor.finish_calls(deadline - time.monotonic())

    def _busy(self) -> bool:
        """Whether handlers have all they can do."""
        return any(scheduler.full for scheduler in self._schedulers.values())

    def _running(self) -> bool:
        return any(scheduler.under_way for scheduler in self._schedulers.values())

    # 4. Publish.

    def _outgoing(self, delivery: Delivery, answers: Iterable[Answer]) -> list[Outgoing]:
        return [Outgoing.of(topic, event, self.name, delivery.cause) for topic, event in answers]

    def _bury(self, delivery: Delivery, error: str, message: str, answers: Iterable[Answer] = ()) -> None:
        """Publish the dead letter, and what the handler's `on_failure` has answered."""
        logger.warning("dead letter", **_record(delivery), error=error, reason=message)
        self.metrics.outcomes[delivery.record.topic].dead_letter += 1
        delivery.buried = True
        letter = dead_letter(delivery, dead_letters_of(self.name), self._group, error, message)
        self._outbox.publish(delivery, [letter, *self._outgoing(delivery, answers)])

    def _settle(self) -> None:
        """The broker has told what became of answers."""
        for delivery, record, error in self._outbox.settle():
            if delivery.lane.live:
                self._publish_smaller(delivery, record, error)

    def _publish_smaller(self, delivery: Delivery, record: Outgoing, error: str) -> None:
        """The broker takes no record as large: a dead letter in place of the answers, or a smaller dead letter."""
        others = [one for one in delivery.outgoing if one is not record]
        if not delivery.buried:
            self._bury(delivery, error, "an answer is larger than a record may be")
        elif record.topic != dead_letters_of(self.name):
            logger.warning("an answer of on_failure is larger than a record may be", **_record(delivery))
            self._outbox.publish(delivery, others)
        elif letter := smaller(record):
            self._outbox.publish(delivery, [letter, *others])
        else:
            logger.error("not even the smallest dead letter is taken", **_record(delivery), error=error)
            self._outbox.publish_later(delivery)

    # 5. and 6.: commit, report.

    def _hurry(self) -> bool:
        """Whether to commit at once: nothing else is to do, or the partitions may move."""
        return not self._assignment.settled or not any(lane.deliveries for lane in self.lanes.values())

    def snapshot(self) -> Snapshot | None:
        """How the worker is, for Prometheus, from any thread: the loop tells it; None where it does not soon."""
        told: SimpleQueue[Snapshot] = SimpleQueue()
        self._inbox.put(lambda: told.put(self._snapshot()))
        with suppress(Empty):
            return told.get(timeout=SNAPSHOT_WITHIN_SECONDS)
        return None

    def _snapshot(self) -> Snapshot:
        offsets = self._consumer.offsets()
        partitions = []
        for partition in sorted(offsets.keys() | self.lanes.keys()):
            position, end = offsets.get(partition, (None, None))
            if lane := self.lanes.get(partition):
                position = lane.position
            lag = None if position is None or end is None else max(0, end - position)
            in_hand, paused = (len(lane.deliveries), lane.dead_letters.open) if lane else (0, False)
            topic = self.metrics.topics[partition.topic]
            partitions.append(Partition(topic, partition.partition, lag, in_hand, paused))
        children = {
            handler.name: executor.children for handler, executor in self._executors.items() if handler.sandboxed
        }
        return Snapshot(partitions, children)

    def _report_progress(self) -> None:
        self._watchdog.turned()
        if time.monotonic() < self._watchdog.next_due():
            return
        paused = [
            f"{partition.topic}/{partition.partition}"
            for partition, lane in self.lanes.items()
            if lane.dead_letters.open
        ]
        self._watchdog.check(
            self._consumer.flowing(),
            oldest_call=min(executor.oldest_call() for executor in self._executors.values()),
            unsettled_since=None if self._assignment.settled else self._assignment.changed_at,
            problem=f"paused after too many dead letters in a row: {', '.join(sorted(paused))}" if paused else "",
        )


def _record(delivery: Delivery) -> dict[str, Any]:
    """For a line in the log: where the record is (of a replay, where it was first), and what its ids are."""
    place = f"{delivery.original.topic}/{delivery.original.partition}/{delivery.original.offset}"
    return {"record": place, "about": delivery.cause}
