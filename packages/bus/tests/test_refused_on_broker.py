"""A broker that refuses the login: the setting is wrong, and a process that only listens must end too."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bus.clients import connect_consumer
from bus.kafka_cluster import KafkaCluster
from bus.mirror import Mirror
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from doorkeeper import Doorkeeper
from kafka import TopicPartition
from service import EXIT_CONFIG
from suite_fixtures import eventually

pytestmark = pytest.mark.broker


class Ending(Mirror):
    """A mirror that notes the statuses with which it would have ended its process."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        cluster = KafkaCluster(KafkaSettings())
        super().__init__(cluster, ["chatbot"], lambda _topic, _record: None, from_start=True, end=self.statuses.append)


@pytest.fixture
def mirror(doorkeeper: Doorkeeper) -> Iterator[Ending]:
    mirror = Ending()
    yield mirror
    mirror.stop()


LINE = "wrong setting: KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: "


def test_it_ends_the_process_where_it_is_refused_at_the_start(
    doorkeeper: Doorkeeper, mirror: Ending, capfd: pytest.CaptureFixture[str]
) -> None:
    doorkeeper.refusals = math.inf
    mirror.start()
    eventually(lambda: mirror.statuses == [EXIT_CONFIG])
    assert not mirror.caught_up.is_set()
    assert capfd.readouterr().err.count(LINE) == 1


def test_it_does_so_where_it_is_refused_when_it_comes_back(
    doorkeeper: Doorkeeper, mirror: Ending, capfd: pytest.CaptureFixture[str]
) -> None:
    mirror.start()
    assert mirror.caught_up.wait(30)
    doorkeeper.turn_out()
    eventually(lambda: mirror.statuses == [EXIT_CONFIG])
    assert capfd.readouterr().err.count(LINE) == 1


def test_it_does_so_where_it_is_refused_while_someone_waits(doorkeeper: Doorkeeper, mirror: Ending) -> None:
    mirror.start()
    assert mirror.catch_up(30)
    doorkeeper.refusals = math.inf
    assert not mirror.catch_up(30)
    assert EXIT_CONFIG in mirror.statuses


def test_it_goes_on_where_the_next_login_is_not_refused(doorkeeper: Doorkeeper, mirror: Ending) -> None:
    mirror.start()
    assert mirror.catch_up(30)
    doorkeeper.turn_out(refusals=1)
    eventually(lambda: not doorkeeper.refusals)
    producer = Producer(KafkaSettings())
    assert mirror.passed(producer.publish([Outgoing("chatbot", b"a", b"{}", [])]), 30)
    assert mirror.statuses == []
    producer.close()


# A worker, whose loop would otherwise go on without records.


@pytest.fixture
def worker(doorkeeper: Doorkeeper, tmp_path: Path) -> Iterator["Working"]:
    worker = Working(tmp_path)
    yield worker
    worker.process.kill()
    worker.process.wait()


class Working:
    """A worker as a process of its own that has partitions."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "log"
        program = str(Path(__file__).parent / "example_worker.py")
        with self._log.open("wb") as log:
            env = os.environ | {"RUN_DIR": str(folder)}
            self.process = subprocess.Popen([sys.executable, program], env=env, stdout=log, stderr=log)
        eventually(lambda: "assigned" in self.log(), 60)

    def log(self) -> str:
        return self._log.read_text()


def test_a_worker_leaves_in_order_where_it_is_refused_when_it_comes_back(
    doorkeeper: Doorkeeper, worker: Working
) -> None:
    doorkeeper.turn_out()
    assert worker.process.wait(60) == EXIT_CONFIG
    assert worker.log().count(LINE) == 1
    assert worker.log().count("poll failed") <= 1
    assert "stopped" in worker.log()


def test_a_worker_goes_on_where_its_next_login_is_not_refused(doorkeeper: Doorkeeper, worker: Working) -> None:
    doorkeeper.turn_out(refusals=1)
    eventually(lambda: not doorkeeper.refusals, 60)
    producer = Producer(KafkaSettings())
    producer.publish([Outgoing("image", b"a", b'{"timestamp": 1, "new_file": "a.png"}', [])])
    producer.close()
    with connect_consumer(KafkaSettings()) as consumer:
        consumer.assign([TopicPartition("notification", number) for number in range(2)])
        eventually(lambda: consumer.poll(500), 60)
    assert worker.process.poll() is None
    assert LINE not in worker.log()
