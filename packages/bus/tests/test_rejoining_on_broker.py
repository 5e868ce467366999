"""A group that is joined anew at an unlucky moment comes to rest all the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from bus import Worker
from bus.kafka_cluster import KafkaCluster
from bus.producer import Outgoing, Producer
from bus.runtime import Runtime
from bus.settings import KafkaSettings
from events import ImageUploaded
from suite_fixtures import eventually
from vanishing import vanish_for_a_moment

pytestmark = pytest.mark.broker


def test_topics_that_vanish_for_a_moment_do_not_leave_the_consumer_outside(
    kafka_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is with a broker that comes up: it knows no topics, is no coordinator yet, and then all is well."""
    worker = Worker("rejoining")

    @worker.on("image")
    def ignore(upload: ImageUploaded) -> None:
        pass

    runtime = Runtime(worker.name, worker.handlers, KafkaSettings(), KafkaCluster(KafkaSettings()))
    runtime.start()

    def settled() -> bool:
        runtime.turn()
        return runtime._assignment.settled

    try:
        eventually(settled, 60)
        refused = vanish_for_a_moment(runtime._consumer._consumer, monkeypatch)
        eventually(lambda: not settled(), 60)
        eventually(settled, 60)
        assert refused
        assert runtime._consumer.flowing()
    finally:
        runtime.stop()


def test_after_generations_without_it_a_consumer_begins_where_others_have_committed(kafka_env: dict[str, str]) -> None:
    worker, seen = Worker("returning"), []

    @worker.on("image")
    def note(upload: ImageUploaded) -> None:
        seen.append(upload.new_file)

    settings = KafkaSettings()
    runtime = Runtime(worker.name, worker.handlers, settings, KafkaCluster(settings))
    producer = Producer(settings)
    runtime.start()

    def turned(check: Callable[[], Any]) -> Any:
        runtime.turn()
        return check()

    def rejoined() -> None:
        runtime._consumer._consumer._coordinator.request_rejoin()
        eventually(lambda: turned(lambda: not runtime._assignment.settled), 60)
        eventually(lambda: turned(lambda: runtime._assignment.settled), 60)

    def upload(*names: str) -> None:
        values = [json.dumps({"timestamp": 1.5, "new_file": name}).encode() for name in names]
        producer.publish([Outgoing("image", b"k", value, [], 0) for value in values])

    try:
        eventually(lambda: turned(lambda: runtime._assignment.settled), 60)
        upload("a", "b", "c")
        eventually(lambda: turned(lambda: len(seen) == 3 and not runtime._running()), 60)
        here = next(iter(runtime.lanes))
        eventually(lambda: turned(lambda: runtime.lanes[here].committed == 3), 60)
        rejoined()
        assert runtime.lanes[here].live
        runtime._consumer.commit_now({here: 5})  # as others would, meanwhile
        member, generation = runtime._assignment._member
        runtime._assignment._member = (member, generation - 2)
        rejoined()
        upload("d", "e", "f")
        eventually(lambda: turned(lambda: seen[3:]), 60)
        assert seen == ["a", "b", "c", "f"]
    finally:
        runtime.stop()
        producer.close()
