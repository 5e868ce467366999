"""The consumer runtime as a process of its own, against a broker that speaks the real protocol."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.settings import KafkaSettings
from kafka import KafkaProducer
from odd_records import NoText
from suite_fixtures import all_records, eventually

pytestmark = pytest.mark.broker
EXAMPLE = str(Path(__file__).parent / "example_worker.py")


class Bench:
    """Starts workers, publishes uploads, collects what comes back."""

    def __init__(self, env: dict[str, str], folder: Path):
        self.env = os.environ | env | {"TRAIL": str(folder / "trail"), "RUN_DIR": str(folder)}
        self.folder = folder
        self.settings = KafkaSettings()
        self.producer = KafkaProducer(**self.settings.connection(), linger_ms=5)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self, **env: str) -> subprocess.Popen[bytes]:
        number = len(self.workers)
        with (self.folder / f"log{number}").open("wb") as log:
            worker = subprocess.Popen([sys.executable, EXAMPLE], env=self.env | env, stdout=log, stderr=log)
        self.workers.append(worker)
        eventually(lambda: "assigned" in self.log(number) or worker.poll() is not None, 60)
        assert worker.poll() is None, self.log(number)
        return worker

    def log(self, number: int = 0) -> str:
        return (self.folder / f"log{number}").read_text()

    def trail(self) -> list[str]:
        path = self.folder / "trail"
        return path.read_text().split() if path.exists() else []

    def upload(self, *names: str, **headers: bytes) -> None:
        for name in names:
            value = json.dumps({"timestamp": 1.5, "new_file": name}).encode()
            self.send(value, name.encode(), list(headers.items()))
        self.producer.flush()

    def send(self, value: bytes | None, key: bytes | None = None, headers: Any = None, partition: Any = None) -> None:
        self.producer.send(self.settings.topic("image"), value, key, headers or [], partition).get(60)

    def read(self, topic: str) -> list[Any]:
        """All records of a topic so far."""
        return all_records(self.settings.topic(topic), **self.settings.connection())

    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.read("notification")]

    def answered(self) -> list[str]:
        return sorted(answer["new_file"] for answer in self.answers())

    def letters(self) -> list[Any]:
        return self.read("example-worker.dlq")

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.producer.close(timeout=1)


@pytest.fixture
def bench(kafka_env: dict[str, str], tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(kafka_env, tmp_path)
    yield bench
    bench.stop()


def wait_for(bench: Bench, names: list[str]) -> None:
    def all_there() -> bool:
        assert set(names) <= set(bench.answered())
        return True

    eventually(all_there, 120, every=0.2)


@pytest.mark.parametrize("sandboxed", ["", "yes"])
def test_every_record_is_answered_and_committed(bench: Bench, sandboxed: str) -> None:
    worker = bench.start(IN_CHILD=sandboxed)
    names = [f"p{number}.png" for number in range(40)]
    bench.upload(*names, ce_id=b"cause-1", traceparent=b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")
    wait_for(bench, names)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0

    record = bench.read("notification")[0]
    headers = {name: value.decode() for name, value in record.headers}
    assert headers["ce_causationid"] == "cause-1"
    assert headers["ce_type"] == "image.operation-finished"
    assert headers["traceparent"].startswith("00-" + "a" * 32)
    assert record.key == json.loads(record.value)["new_file"].removesuffix(".png").encode()

    bench.start(IN_CHILD=sandboxed)  # committed: nothing comes a second time
    bench.upload("last.png")
    wait_for(bench, ["last.png"])
    assert sorted(bench.trail()) == sorted([*names, "last.png"])


def test_a_backlog_far_larger_than_what_is_held_at_once_is_worked_off(bench: Bench) -> None:
    names = [f"p{number}.png" for number in range(1_000)]
    bench.upload(*names)
    bench.start()

    def all_there() -> bool:
        assert bench.answered() == sorted(names)
        return True

    eventually(all_there, 120, every=1)


def test_poison_goes_to_the_dead_letters_and_the_rest_goes_on(bench: Bench) -> None:
    bench.start()
    poisons: list[bytes | None] = [
        b"no json",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"new_file": 7, "timestamp": 1}',
        b'{"new_file": "", "timestamp": 1}',
        b'{"new_file": "a.png", "timestamp": NaN}',
        b'{"new_file": "a.png", "timestamp": "soon"}',
        b"[" * 100_000,
        b'{"new_file": "' + b"x" * 1_048_000 + b'"}',
        None,
    ]
    for number, poison in enumerate(poisons):
        bench.send(poison, key=b"k", headers=[("mine", b"\x00\xff")], partition=number % 2)
        bench.upload(f"good{number}.png")
    bench.upload("final.png", "key.png", "unexpected.png", "passing.png")
    good = [f"good{number}.png" for number in range(len(poisons))]
    wait_for(bench, [*good, "final.png", "key.png", "unexpected.png", "passing.png"])

    letters = eventually(lambda: (found := bench.letters()) and len(found) >= len(poisons) + 3 and found)
    by_error: dict[str, list[Any]] = {}
    for letter in letters:
        headers = dict(letter.headers)
        by_error.setdefault(headers["dlq-error"].decode(), []).append((letter, headers))
    assert sorted((letter.value or b"") for letter, _headers in by_error["Undecodable"]) == sorted(
        poison or b"" for poison in poisons
    )
    for letter, headers in by_error["Undecodable"]:
        assert (letter.key, headers["mine"]) == (b"k", b"\x00\xff")
        assert headers["dlq-topic"].decode() == bench.settings.topic("image")
        assert headers["dlq-message"]
        assert {"dlq-partition", "dlq-offset", "dlq-timestamp", "dlq-group", "dlq-attempts"} <= headers.keys()
    assert [headers["dlq-attempts"] for _letter, headers in by_error["PermanentError"]] == [b"1"]
    assert [headers["dlq-attempts"] for _letter, headers in by_error["KeyError"]] == [b"1"]
    assert [headers["dlq-attempts"] for _letter, headers in by_error["AttemptsExhausted"]] == [b"3"]
    outcomes = {answer["new_file"]: (answer["status"], answer["reason"]) for answer in bench.answers()}
    assert outcomes["passing.png"] == ("done", None)
    assert outcomes["final.png"] == ("failed", "PermanentError")
    assert bench.trail().count("passing.png") == 3


def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_of_its_batch_goes_on(bench: Bench) -> None:
    bench.start()
    sent = []
    for name in ("before.png", "odd.png", "after.png"):
        header = (NoText("name") if name == "odd.png" else "name", b"x")
        value = json.dumps({"new_file": name}).encode()
        sent.append(bench.producer.send(bench.settings.topic("image"), value, b"k", [header], partition=0))
    bench.producer.flush()
    bench.upload(*(f"p{number}.png" for number in range(10)))
    wait_for(bench, ["before.png", "after.png", *(f"p{number}.png" for number in range(10))])
    (letter,) = eventually(bench.letters)
    headers = {name: value.decode() for name, value in letter.headers}
    assert (headers["dlq-partition"], headers["dlq-offset"]) == ("0", str(sent[1].get(60).offset))
    assert headers["dlq-error"] == "CorruptRecordError"
    assert b'{"new_file": "odd.png"}' in letter.value
    bench.workers[0].send_signal(signal.SIGTERM)
    assert bench.workers[0].wait(60) == 0
    bench.start()  # committed: it is not met again
    bench.upload("last.png")
    wait_for(bench, ["last.png"])
    assert len(bench.letters()) == 1


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_records_that_others_have_compressed_are_served(bench: Bench, codec: str) -> None:
    bench.start()
    with KafkaProducer(**bench.settings.connection(), compression_type=codec, linger_ms=50) as producer:
        for number in range(50):
            value = json.dumps({"timestamp": 1.5, "new_file": f"p{number}.png"}).encode()
            producer.send(bench.settings.topic("image"), value)
        producer.flush()
    wait_for(bench, [f"p{number}.png" for number in range(50)])


def test_a_child_that_dies_is_tried_once_more_alone_and_then_given_up(bench: Bench) -> None:
    bench.start(IN_CHILD="yes")
    names = [f"p{number}.png" for number in range(10)]
    bench.upload("kill.png", *names, "memory.png")
    wait_for(bench, ["kill.png", "memory.png", *names])
    outcomes = {answer["new_file"]: answer["reason"] for answer in bench.answers()}
    assert outcomes["kill.png"] == "ChildDied"
    assert outcomes["memory.png"] == "AttemptsExhausted"
    assert bench.trail().count("kill.png") == 2
    assert {dict(letter.headers)["dlq-error"] for letter in bench.letters()} == {b"ChildDied", b"AttemptsExhausted"}


@pytest.mark.parametrize("sandboxed", ["", "yes"])
def test_killed_in_the_middle_nothing_is_lost_and_a_second_answer_is_recognisable(bench: Bench, sandboxed: str) -> None:
    worker = bench.start(IN_CHILD=sandboxed)
    names = [f"slow-0.1-{number}.png" for number in range(30)]
    bench.upload(*names)
    eventually(lambda: len(bench.trail()) > 8)
    worker.kill()
    worker.wait()
    bench.start(IN_CHILD=sandboxed)
    wait_for(bench, names)
    ids = {}
    for record in bench.read("notification"):
        name = json.loads(record.value)["new_file"]
        assert ids.setdefault(name, dict(record.headers)["ce_id"]) == dict(record.headers)["ce_id"]
    assert len(set(ids.values())) == len(names)


def test_sigterm_in_the_middle_of_long_work_abandons_it(bench: Bench) -> None:
    worker = bench.start(IN_CHILD="yes")
    bench.upload("slow-30.png")
    eventually(lambda: "slow-30.png" in bench.trail())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert bench.answers() == []
    bench.start(IN_CHILD="yes")
    eventually(lambda: bench.trail().count("slow-30.png") == 2)


def test_a_thread_that_ends_the_process_has_it_leave_in_order_with_its_status(bench: Bench) -> None:
    worker = bench.start()
    bench.upload("exit.png")
    assert worker.wait(60) == 78
    assert "stopped" in bench.log()
    assert not bench.letters()


def test_partitions_are_handed_over_when_a_second_worker_joins(bench: Bench) -> None:
    first = bench.start()
    names = [f"slow-0.05-{number}.png" for number in range(150)]
    bench.upload(*names[:50])
    bench.start()
    bench.upload(*names[50:])
    wait_for(bench, names)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    eventually(lambda: bench.log(1).count("assigned") >= 2)
    more = [f"more{number}.png" for number in range(20)]
    bench.upload(*more)
    wait_for(bench, more)
    again = len(bench.answered()) - len(set(bench.answered()))
    assert again <= 5


def test_a_broker_that_is_not_there_yet_is_waited_for_and_sigterm_ends_the_wait(tmp_path: Path) -> None:
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "RUN_DIR": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, EXAMPLE], env=env, stdout=log, stderr=log)
    eventually(lambda: "127.0.0.1:9" in (tmp_path / "log").read_text(), 60)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0


def test_missing_topics_that_may_not_be_made_are_told_in_one_line(kafka_env: dict[str, str], tmp_path: Path) -> None:
    env = os.environ | kafka_env | {"KAFKA_CREATE_TOPICS": "false", "RUN_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, EXAMPLE], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    (line,) = done.stderr.strip().splitlines()
    assert "KAFKA_CREATE_TOPICS is false" in line
