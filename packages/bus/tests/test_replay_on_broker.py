"""A dead letter is replayed on a broker that speaks the real protocol, with the worker as a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.clients import connect_admin
from bus.dead_letters import DeadLetters, Wanted
from bus.kafka_cluster import KafkaCluster
from bus.settings import KafkaSettings
from bus.topics import ensure
from kafka import KafkaProducer
from suite_fixtures import eventually

pytestmark = pytest.mark.broker
WORKER = str(Path(__file__).parent / "example_worker.py")
ALL = Wanted(services=("example-worker",))


@pytest.fixture
def worker(kafka_env: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    """Starts the worker, which is mended by a file that says so; returns the process."""
    env = os.environ | kafka_env | {"TRAIL": str(tmp_path / "trail"), "MENDED": str(tmp_path / "mended")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, WORKER], env=env, stdout=log, stderr=log)
    yield process
    process.kill()
    process.wait()


def states(letters: DeadLetters) -> list[str]:
    return [letter.state for letter in letters.list(ALL).letters]


def test_a_dead_letter_is_replayed_once_fails_again_and_works_when_its_cause_is_mended(
    worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    settings = KafkaSettings()
    letters = DeadLetters(KafkaCluster(settings))
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image"])
    assert states(letters) == []
    with KafkaProducer(**settings.connection()) as producer:
        value = json.dumps({"timestamp": 1.5, "new_file": "unmended.png"}).encode()
        place = producer.send(settings.topic("image"), value, b"k", [("mine", b"x")], 1, 1_500).get(30)
    eventually(lambda: states(letters) == ["waiting"], 90)
    (first,) = letters.list(ALL).letters
    assert (first.topic, first.partition, first.offset) == (settings.topic("image"), 1, place.offset)
    whole = letters.show(first.id)
    assert whole
    assert (whole.key, whole.headers, whole.value) == (b"k", [("mine", b"x")], value)

    assert [result.outcome for result in letters.replay(ALL)] == ["replayed"]
    assert [result.outcome for result in letters.replay(Wanted(ids=frozenset([first.id])))] == ["replayed-before"]
    eventually(lambda: states(letters) == ["waiting", "failed-again"], 90)
    second = letters.list(ALL).letters[0]
    assert (second.replays, second.replay_of) == (1, first.id)
    assert (second.partition, second.offset, second.timestamp_ms) == (1, place.offset, 1_500)

    (tmp_path / "mended").touch()
    ids = Wanted(ids=frozenset([first.id, second.id]))
    assert [result.outcome for result in letters.replay(ids)] == ["replayed-before", "replayed"]
    trail = tmp_path / "trail"
    eventually(lambda: trail.read_text().split() == ["unmended.png"] * 3, 90)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert states(letters) == ["replayed", "failed-again"]
