"""The consumer runtime: takes records, runs handlers, publishes what they answer, then commits.

At least once, always: an offset is committed when everything before it has been answered and the broker has
acknowledged the answers. One thread polls, decides and commits; handlers run in a thread or in child processes, so
that polling and heartbeats go on whatever they do.
"""

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError

from . import health, log
from .children import ChildFailed, Children
from .clients import LoginWatch, connect_admin, connect_consumer, watched
from .dead_letters import dead_letter, without_value
from .errors import GaveUp
from .events import Cause, Encoded, Undecodable
from .lanes import Delivery, Lane
from .memory import Memory
from .producer import TOO_LARGE, Outgoing, Producer
from .remembering import PartitionMemory
from .settings import EXIT_CONFIG, KafkaSettings
from .stopping import Stop
from .topics import MissingTopics, dead_letters_of, ensure, memory_of
from .unreadable import Unreadable
from .worker import Handler, Outcome, Worker

logger = log.get_logger(__name__)

ATTEMPTS = 3
"""How often a record is tried whose handler raises what nobody foresaw. What may pass is tried for ever."""
WINDOW = 64
"""Records of one partition, not done, past which it is paused; no others are held."""
EVERYTHING = 2**31
"""A poll takes all that has been fetched, which FETCH_BYTES keeps small. kafka-python 3.0.12 never gives out what is
left of a fetch when its partition is paused and resumed: it waits for a slot that is only freed by pausing another."""
FETCH_BYTES = 128 * 1024
"""Bytes of a partition in one fetch; a record that is larger comes alone."""
BATCH = 64
"""Records that a handler of lists is given at most."""
POLL_EVERY = 0.02
"""Seconds between polls while there is more in hand than can be worked on."""
COMMIT_EVERY = 0.1
"""Seconds between commits under load; an idle worker commits at once."""
CHECK_EVERY = 10.0
"""Seconds between looks at the log's end, which also feed the heartbeat."""
STALLED_AFTER = 90.0
"""Seconds without a turn of the loop, or without records where the log has some, after which a restart is due."""
STUCK_AFTER = 600.0
"""Seconds that one handler may take in a thread before a restart is due."""
ALONE_AFTER = 5.0
"""Seconds that what killed a child waits for the others of its handler to leave it alone, before they are held back."""
AWAY_FOR = 0.5
"""Seconds without another try to publish after the producer could not take a record: each may hold up the loop."""
LOGIN_WITHIN = 8.0
"""Seconds for one more login where one was refused; a try takes BOOTSTRAP_TIMEOUT_MS at most."""
STOP_WITHIN = 5.0
"""Seconds that a handler in a thread has to finish after SIGTERM."""
END_WITHIN = 9.0
"""Seconds after SIGTERM at which the process ends, whatever holds it up: what is not committed comes again."""
EXIT_STALLED = 70


@dataclass(eq=False)
class _Call:
    """A call of a handler that has not been concluded: with what, since when, and what comes of it."""

    handler: Handler
    deliveries: list[Delivery]
    since: float
    result: Future[Outcome | ChildFailed]


class Runtime:
    """Runs one worker until it is told to stop."""

    def __init__(self, worker: Worker, settings: KafkaSettings | None = None):
        self.worker = worker
        self.settings = settings or KafkaSettings.load()
        self.topics = {self.settings.topic(name): name for name in worker.handlers}
        self.group = self.settings.group(worker.name)
        self.lanes: dict[TopicPartition, Lane] = {}
        self.stopping = Stop()
        self._children = {
            handler.topic: Children(handler.outcome_in_child, at_once=handler.side_by_side)
            for handler in worker.handlers.values()
            if handler.in_child
        }
        self._slots = sum(handler.slots for handler in worker.handlers.values())
        self._threads = ThreadPoolExecutor(self._slots, thread_name_prefix="handler")
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        """What other threads have to tell, as calls that the loop makes."""
        self._running: list[_Call] = []
        self._memories: dict[int, PartitionMemory] = {}
        """What is remembered, by the number of the partitions."""
        self._memory_lock = threading.Lock()
        self._unpublished: list[Delivery] = []
        self._publishing = 0
        self._away_until = 0.0
        self._logins = LoginWatch()
        self._poll_error = ""
        self._polled_at = self._committed_at = self._checked_at = 0.0
        self._turned_at = time.monotonic()
        self._behind: dict[tuple[TopicPartition, int], float] = {}
        """Where partitions stand that have more, and since when they have stood there."""
        self._status = 0
        self._producer = Producer(self.settings)
        self._consumer: KafkaConsumer
        self._assignment: _Assignment

    # The way of the process.

    def run(self) -> int:
        """Consume until a signal says stop. Returns the exit status."""
        log.configure(self.worker.name)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            self.start()
        except InterruptedError:
            return 0
        except MissingTopics as error:
            print(f"topics: {error}", file=sys.stderr, flush=True)
            return EXIT_CONFIG
        threading.Thread(target=self._watch_over, daemon=True, name="watch").start()
        logger.info("ready", topics=sorted(self.topics), group=self.group)
        try:
            with watched() as self._logins:
                while not self.stopping.is_set():
                    self.turn()
        except SystemExit as end:
            self._status = end.code if isinstance(end.code, int) else EXIT_STALLED
        except Exception:
            logger.exception("the consumer failed; a restart is due")
            self._status = EXIT_STALLED
        self.stop()
        return self._status

    def start(self) -> None:
        """Bring up a child, the topics and the consumer; waits for a broker. InterruptedError when told to stop."""
        for children in self._children.values():
            children.start()
        with connect_admin(self.settings, self.stopping.is_set) as admin:
            published = [topic for handler in self.worker.handlers.values() for topic in handler.publishes]
            ensure(admin, self.settings, [*self.worker.handlers, *published, dead_letters_of(self.worker.name)])
            if any(handler.remembers for handler in self.worker.handlers.values()):
                sources = admin.describe_topics(list(self.topics))
                most = max(len(topic["partitions"]) for topic in sources)
                alike = self.settings.model_copy(update={"kafka_partitions": most})
                ensure(admin, alike, [memory_of(self.worker.name)])
        consumer = connect_consumer(
            self.settings,
            self.stopping.is_set,
            group_id=self.group,
            client_id=self.worker.name,
            session_timeout_ms=self.settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=min(3_000, self.settings.kafka_session_timeout_ms // 3),
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        self._consumer = consumer
        self._assignment = _Assignment(self.lanes, self._memories, self._consumer, self._finish_remembering)
        self._consumer.subscribe(list(self.topics), listener=self._assignment)
        health.beat(self.worker.name)

    def turn(self) -> None:
        """One turn of the loop: take records in, start handlers, take their answers, commit.

        Raises SystemExit where the broker refuses the login, and what no handler can be blamed for.
        """
        self._turned_at = time.monotonic()
        if self._logins.refused:
            self._log_in_again()
        self._poll()
        self._begin()
        self._collect()
        self._commit()
        self._check()

    def stop(self) -> None:
        """Abandon what is not finished (it was not committed), keep what is, leave the group."""
        self.stopping.set()
        for children in self._children.values():
            children.kill()
        deadline = time.monotonic() + STOP_WITHIN
        while (self._running or self._publishing) and time.monotonic() < deadline:
            self._collect()
        self._commit()
        try:
            self._consumer.close(timeout_ms=2_000)
        except KafkaError as error:
            logger.warning("the group was not left in order", error=str(error))
        for children in self._children.values():
            children.close()
        self._producer.close(timeout=1)
        self._threads.shutdown(wait=False, cancel_futures=True)
        logger.info("stopped")
        if self._running:  # a thread cannot be ended, and Python would wait for it
            os._exit(self._status)

    def _log_in_again(self) -> None:
        """A login was refused, which may have been for a moment: try one more. Refused too, it ends the process."""
        self._logins.refused = False
        deadline = time.monotonic() + LOGIN_WITHIN
        with suppress(InterruptedError):
            connect_admin(self.settings, lambda: self.stopping.is_set() or time.monotonic() > deadline).close()

    # Records come in.

    def _poll(self) -> None:
        in_hand = sum(len(lane.deliveries) for lane in self.lanes.values())
        settled, now = self._assignment.settled, time.monotonic()
        if settled and in_hand > 2 * self._slots and now - self._polled_at < POLL_EVERY:
            return
        self._polled_at = now
        self._pause_full_lanes()
        # While the group rebalances, poll waits: kafka-python 3.0.12 begins to join anew, and so for ever, when an
        # answer comes between two short polls.
        patience = 0 if settled and (in_hand or self._running or self._publishing) else 500
        try:
            batches = self._consumer.poll(timeout_ms=patience, max_records=EVERYTHING)
        except KafkaError as error:
            if self._poll_error != str(error):
                self._poll_error = str(error)
                logger.warning("poll failed, trying again", error=self._poll_error)
            self.stopping.wait(0.5)
            return
        self._poll_error = ""
        for partition, records in batches.items():
            lane = self.lanes.setdefault(partition, Lane())
            for record in records:
                self._turned_at = time.monotonic()  # many may come at once
                delivery = lane.take(record)
                if delivery:
                    self._decode(delivery)

    def _pause_full_lanes(self) -> None:
        full = {partition for partition, lane in self.lanes.items() if len(lane.deliveries) >= WINDOW}
        paused = self._consumer.paused()
        assigned = self._consumer.assignment()
        self._consumer.pause(*((full & assigned) - paused))
        self._consumer.resume(*((paused & assigned) - full))

    def _decode(self, delivery: Delivery) -> None:
        record, handler = delivery.record, self._handler(delivery)
        delivery.cause = Cause.of(handler.topic, record.partition, record.offset, record.headers)
        if isinstance(record.value, Unreadable):
            self._bury(delivery, record.value.error, record.value.reason)
            return
        try:
            delivery.event = handler.event.decode(record.value, record.timestamp / 1000)
        except Undecodable as error:
            self._bury(delivery, "Undecodable", str(error))

    # Handlers run.

    def _begin(self) -> None:
        """Start what can be started: answers that were not published, then handlers, as long as slots are free."""
        now = time.monotonic()
        for delivery in [delivery for delivery in self._unpublished if delivery.due <= now]:
            self._unpublished.remove(delivery)
            self._publish(delivery, delivery.outgoing)
        while len(self._running) < self._slots and self._assignment.settled:
            chosen = self._next(now)
            if not chosen:
                return
            self._run(self._handler(chosen[0]), chosen)

    def _next(self, now: float) -> list[Delivery]:
        """The deliveries for the next call of a handler.

        What killed a child before is run alone: when its handler has nothing else to do, or after a while with the
        others held back. An event that is on the log twice waits for its other delivery: what that one remembers has
        to be known. So has what is still remembered of a partition by calls from before it was lost.
        """
        lost = {one.record.partition for call in self._running for one in call.deliveries if not one.lane.live}
        for handler in self.worker.handlers.values():
            calls = [call for call in self._running if call.handler is handler]
            if len(calls) >= handler.slots or any(call.deliveries[0].crashes for call in calls):
                continue
            under_way = {delivery.cause.id for call in calls for delivery in call.deliveries}
            lanes = [
                lane
                for partition, lane in self.lanes.items()
                if self.topics[partition.topic] == handler.topic
                if not (handler.remembers and partition.partition in lost)
            ]
            ready = [delivery for lane in lanes for delivery in lane.ready(now, ordered=handler.slots == 1)]
            deadly = [one for one in ready if one.crashes]
            harmless = [one for one in ready if not one.crashes and one.cause.id not in under_way]
            if deadly and (not harmless or min(one.due for one in deadly) + ALONE_AFTER < now):
                if calls:
                    continue
                return deadly[:1]
            if not handler.batch and harmless:
                return [min(harmless, key=lambda delivery: delivery.record.timestamp)]
            if harmless:
                single = next((number for number, delivery in enumerate(harmless) if delivery.single), BATCH)
                return harmless[: max(1, min(single, BATCH))]
        return []

    def _run(self, handler: Handler, deliveries: list[Delivery]) -> None:
        for delivery in deliveries:
            delivery.state = "running"
            delivery.attempts += 1
        result = self._threads.submit(self._call, handler, deliveries)
        call = _Call(handler, deliveries, time.monotonic(), result)
        self._running.append(call)
        result.add_done_callback(lambda _result: self._inbox.put(partial(self._end, call)))

    def _call(self, handler: Handler, deliveries: list[Delivery]) -> Outcome | ChildFailed:
        events = [delivery.event for delivery in deliveries]
        if not handler.in_child:
            return handler.outcome(events if handler.batch else events[0], *self._memory(handler, deliveries[0]))
        try:
            answer = self._children[handler.topic].call(
                {"events": [delivery.record.value.decode() for delivery in deliveries]}
            )
        except ChildFailed as error:
            return error
        return Outcome.from_json(answer)

    def _memory(self, handler: Handler, delivery: Delivery) -> list[Memory]:
        if not handler.remembers:
            return []
        number = delivery.record.partition
        with self._memory_lock:
            if number not in self._memories:
                self._memories[number] = PartitionMemory(self.worker.name, number, self.settings, self._producer)
            return [Memory(delivery.cause.id, self._memories[number])]

    def _collect(self) -> None:
        """Hear what other threads have to tell; where they are at work, wait a little for it."""
        if not self._assignment.settled and not self.stopping.is_set():
            patience = 0.0
        elif self._running or self._publishing:
            patience = 0.01 if len(self._running) < self._slots else 0.1
        else:
            patience = 0.1 if any(lane.deliveries for lane in self.lanes.values()) else 0.0
        try:
            if patience:
                self._inbox.get(timeout=patience)()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            pass

    def _end(self, call: _Call) -> None:
        """A call is over. Raises what no handler has: it is the process that cannot go on, unless it ends already."""
        self._running.remove(call)
        if not (self.stopping.is_set() and call.result.exception()):
            self._conclude(call.handler, call.deliveries, call.result.result())

    def _conclude(self, handler: Handler, deliveries: list[Delivery], result: Outcome | ChildFailed) -> None:
        """A handler has answered, or its child has died: decide what becomes of the records.

        Those whose partition another consumer has by now come again there; so does what is abandoned.
        """
        answers = result.events if isinstance(result, Outcome) and result.kind == "done" else None
        here = [delivery for delivery in deliveries if delivery.lane.live]
        if not here or (self.stopping.is_set() and answers is None):
            return
        first = here[0]
        if answers is not None:
            for delivery, events in zip(deliveries, answers, strict=True):
                if delivery.lane.live:
                    self._publish(delivery, self._answers(delivery, events))
        elif len(deliveries) > 1:
            for delivery in here:  # one by one, to find the record that is to blame
                delivery.state, delivery.single, delivery.attempts = "waiting", True, 0
        elif isinstance(result, ChildFailed):
            first.crashes += 1
            if first.crashes > 1:
                self._give_up(handler, first, result)
            else:
                self._put_off(first, f"{type(result).__name__}: {result}")
        elif result.kind == "final":
            self._bury(first, result.error, result.message, result.events[0])
        elif result.kind == "unexpected" and first.attempts >= ATTEMPTS:
            logger.error("given up", **_where(first), trace=result.trace)
            self._give_up(handler, first, GaveUp(f"{result.error}: {result.message}"))
        else:
            self._put_off(first, f"{result.error}: {result.message}", result.after)

    def _give_up(self, handler: Handler, delivery: Delivery, error: Exception) -> None:
        outcome = handler.give_up(delivery.event, error)
        if outcome.kind == "final":
            self._bury(delivery, outcome.error, outcome.message, outcome.events[0])
        else:
            self._put_off(delivery, f"{outcome.error}: {outcome.message}")

    def _put_off(self, delivery: Delivery, error: str, at_least: float = 0.0) -> None:
        pause = round(delivery.put_off(time.monotonic(), at_least), 1)
        logger.warning("will be tried again", **_where(delivery), error=error, attempt=delivery.attempts, pause=pause)

    def _finish_remembering(self) -> None:
        """Let handlers that remember finish before others get their partitions: they read the memory at once.

        Called where heartbeats are sent from, so for no longer than the group has patience.
        """
        calls = [call.result for call in self._running if call.handler.remembers]
        wait(calls, self.settings.kafka_session_timeout_ms / 2_000)

    # Answers go out.

    def _bury(self, delivery: Delivery, error: str, message: str, events: Iterable[Encoded] = ()) -> None:
        """Publish the dead letter, and what the handler's `on_failure` answered."""
        logger.warning("dead letter", **_where(delivery), error=error, reason=message)
        letter = dead_letter(delivery, dead_letters_of(self.worker.name), self.group, error, message)
        self._publish(delivery, [letter, *self._answers(delivery, events)])

    def _answers(self, delivery: Delivery, events: Iterable[Encoded]) -> list[Outgoing]:
        topic_of = self._handler(delivery).topic_of
        return [Outgoing.of(topic_of(event), event, self.worker.name, delivery.cause) for event in events]

    def _publish(self, delivery: Delivery, outgoing: list[Outgoing]) -> None:
        """Hand the records to the producer; its acknowledgements come back through the inbox."""
        delivery.state, delivery.outgoing = "publishing", outgoing
        if outgoing and time.monotonic() < self._away_until:
            self._unpublished.append(delivery)
            return
        self._publishing += 1
        waiting = len(outgoing)
        if not waiting:
            self._published(delivery, None)
            return

        def told(error: Exception | None) -> None:
            nonlocal waiting
            if waiting and (error or waiting == 1):
                waiting = 0
                self._published(delivery, error)
            elif waiting:
                waiting -= 1

        def tell(error: Exception | None) -> None:
            self._inbox.put(partial(told, error))

        for record in outgoing:
            try:
                future = self._producer.send(record)
            except KafkaError as error:
                if not isinstance(error, TOO_LARGE):
                    self._away_until = time.monotonic() + AWAY_FOR
                tell(error)
                return
            future.add_callback(lambda _metadata: tell(None))
            future.add_errback(tell)

    def _published(self, delivery: Delivery, error: Exception | None) -> None:
        self._publishing -= 1
        if error is None:
            delivery.state, delivery.outgoing = "done", []
        elif isinstance(error, TOO_LARGE) and delivery.outgoing[0].topic != dead_letters_of(self.worker.name):
            self._bury(delivery, type(error).__name__, "an answer is larger than a record may be")
        elif isinstance(error, TOO_LARGE) and delivery.outgoing[0].value:
            letter, *answers = delivery.outgoing
            self._publish(delivery, [without_value(letter), *answers])
        else:
            logger.warning("not published, trying again", **_where(delivery), error=str(error))
            delivery.due = time.monotonic() + 0.5
            self._unpublished.append(delivery)

    # Offsets are committed.

    def _commit(self) -> None:
        unfinished = any(one.state != "done" for lane in self.lanes.values() for one in lane.deliveries)
        pressed = unfinished or not self._assignment.settled
        if pressed and time.monotonic() - self._committed_at < COMMIT_EVERY and not self.stopping.is_set():
            return
        due = {partition: lane for partition, lane in self.lanes.items() if lane.settle()}
        if not due:
            return
        self._committed_at = time.monotonic()
        positions = {partition: lane.position for partition, lane in due.items()}
        try:
            offsets = {partition: OffsetAndMetadata(position, "", -1) for partition, position in positions.items()}
            self._consumer.commit(offsets, timeout_ms=3_000)
        except KafkaError as error:
            logger.debug("not committed; tried again, unless the group has moved on", error=str(error))
            return
        for partition, lane in due.items():
            lane.committed = positions[partition]

    # Progress is watched.

    def _check(self) -> None:
        """Look at the end of the log: beat where the broker answers, restart where records do not come."""
        now = time.monotonic()
        if now - self._checked_at < CHECK_EVERY:
            return
        self._checked_at = now
        flowing = self._consumer.assignment() - self._consumer.paused()
        try:
            ends = self._consumer.end_offsets(
                [*flowing] or [TopicPartition(next(iter(self.topics)), 0)], timeout_ms=3_000
            )
            behind = {tp: at for tp in flowing if (at := self._consumer.position(tp, timeout_ms=1_000)) < ends[tp]}
        except (KafkaError, TypeError):
            return  # no broker, or a partition without a position yet: nothing is proven
        if not self._assignment.settled:
            if now - self._assignment.changed_at > STALLED_AFTER:
                logger.error("the group does not come to rest; a restart is due")
                os._exit(EXIT_STALLED)
            return
        self._behind = {place: self._behind.get(place, now) for place in behind.items()}
        stalled = now - min(self._behind.values(), default=now) > STALLED_AFTER
        stuck = now - min((call.since for call in self._running), default=now) > STUCK_AFTER
        if stalled or stuck:
            logger.error("no progress; a restart is due", behind={str(tp): at for tp, at in behind.items()})
            os._exit(EXIT_STALLED)
        health.beat(self.worker.name)

    def _watch_over(self) -> None:
        while not self.stopping.wait(5):
            if time.monotonic() - self._turned_at > STALLED_AFTER:
                logger.error("the consumer hangs; a restart is due")
                os._exit(EXIT_STALLED)
        time.sleep(END_WITHIN)
        os._exit(self._status)

    def _handler(self, delivery: Delivery) -> Handler:
        return self.worker.handlers[self.topics[delivery.record.topic]]


class _Assignment(ConsumerRebalanceListener):
    """Keeps the lanes in step with the partitions of this consumer. Called inside poll().

    kafka-python keeps the position of a partition that stays here from one generation of the group to the next, so its
    lane stays too. It also does so over generations without this consumer, and tells nobody.
    """

    def __init__(
        self,
        lanes: dict[TopicPartition, Lane],
        memories: dict[int, PartitionMemory],
        consumer: KafkaConsumer,
        before_revoked: Callable[[], None],
    ):
        self._lanes = lanes
        self._memories = memories
        self._consumer = consumer
        self._before_revoked = before_revoked
        self.settled = False
        """Whether it is known whose the partitions are: until then nothing new is begun, another might do it too."""
        self.changed_at = time.monotonic()
        self._generation = ("", 0)
        """Who this consumer was when it was last given partitions, and in which generation of the group."""

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Which of them go is known when the new assignment is."""
        self._settle(False)
        self._rejoin_by_all_means()
        self._before_revoked()

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        """Others have had these partitions: what is under way here no longer counts."""
        self._settle(False)
        self._rejoin_by_all_means()
        self._drop(set(lost))

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._settle(True)
        self._drop(self._lanes.keys() - set(assigned))
        (member, generation), now = self._generation, self._consumer.group_metadata()
        self._generation = (now.member_id, now.generation_id)
        if now.member_id != member or now.generation_id - generation not in (0, 1):
            self._start_anew(assigned)  # others may have had them in between
        for partition, lane in self._lanes.items():
            if lane.fetched is not None:
                self._consumer.seek(partition, lane.fetched)
        logger.info("partitions", assigned=sorted(f"{tp.topic}/{tp.partition}" for tp in assigned))

    def _start_anew(self, assigned: Iterable[TopicPartition]) -> None:
        """Forget what is in hand, and have all partitions begin where their group has committed."""
        self._drop(list(self._lanes))
        self._consumer._subscription.assign_from_subscribed([])
        self._consumer._subscription.assign_from_subscribed(list(assigned))

    def _rejoin_by_all_means(self) -> None:
        """kafka-python 3.0.12 begins to join because a broker that has just come up knows no topic yet, and forgets
        that it has begun when the broker knows it again: without partitions, heartbeats or another try."""
        self._consumer._coordinator.request_rejoin()

    def _settle(self, settled: bool) -> None:
        if self.settled != settled:
            self.settled, self.changed_at = settled, time.monotonic()

    def _drop(self, partitions: Iterable[TopicPartition]) -> None:
        """Let go of partitions, and of what is remembered: others may have added to that by the time they come back."""
        for partition in partitions:
            lane = self._lanes.pop(partition, None)
            if lane:
                lane.live = False
        numbers = {partition.partition for partition in self._lanes.copy()}
        for number in self._memories.copy().keys() - numbers:
            self._memories.pop(number, None)


def _where(delivery: Delivery) -> dict[str, Any]:
    record = delivery.record
    return {"record": f"{record.topic}/{record.partition}/{record.offset}"}
