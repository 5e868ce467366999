"""The programs whose runtimes are compared: the plain loop, this suite's worker, with PEERS=1 other frameworks.

Peers live in a virtual environment of their own, .run/bench-peers/.venv, since they want other versions than the suite.
"""

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from events import ImageUploaded
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from .bench import Bench
from .programs import Program
from .scope import say

HERE = Path(__file__).resolve().parent
PEERS_VENV = HERE.parents[1] / ".run/bench-peers/.venv"
PARTITIONS = 6


@dataclass(frozen=True)
class Runtime:
    """A way to handle records, and the program that goes this way."""

    name: str
    module: str
    interpreter: Path = Path(sys.executable)

    def group(self, measurement: str) -> str:
        """Of the runtime in that measurement; its topics begin with it too."""
        return f"{measurement}-{self.module.rpartition('.')[2]}".replace("_", "-")


PLAIN_LOOP = Runtime("plain loop", "bench.plain_loop")
WORKER = Runtime("this suite", "bench.bare_worker")


def all_runtimes() -> list[Runtime]:
    """The plain loop first; peers where PEERS=1 asks for them."""
    return [PLAIN_LOOP, WORKER, *(_peers() if os.environ.get("PEERS") else [])]


def _peers() -> Iterator[Runtime]:
    python = PEERS_VENV / "bin/python"
    _install(python)
    for package, module in {
        "quixstreams": "with_quixstreams",
        "sentry-arroyo": "with_arroyo",
        "faststream": "with_faststream",
    }.items():
        asked = f"from importlib.metadata import version; print(version({package!r}))"
        version = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
        yield Runtime(f"{package} {version}", f"bench.peers.{module}", python)


def _install(python: Path) -> None:
    """Install what peers.txt names, when it has changed."""
    pinned = HERE / "peers.txt"
    stamp, inputs = PEERS_VENV / "peers.stamp", hashlib.sha256(pinned.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == inputs:
        return
    say(f"installing the peers into {PEERS_VENV}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", PEERS_VENV], check=True)
    # The list is complete; with dependencies, pip takes what a peer asks of confluent-kafka's extras as not pinned.
    quietly = ["--disable-pip-version-check", "-qq", "--no-deps", "--require-hashes"]
    subprocess.run([python, "-m", "pip", "install", *quietly, "-r", pinned], check=True)
    stamp.write_text(inputs)


def publish_uploads(bench: Bench, topic: str, number: int) -> None:
    """Create the topic with so many records as image-upload publishes them, over all partitions alike."""
    bench.create_topics(topic, partitions=PARTITIONS)
    producer = KafkaProducer(bootstrap_servers=bench.broker.address, linger_ms=50)
    for one in range(number):
        upload = ImageUploaded(new_file=f"{uuid.uuid4().hex}.jpeg", original_name="foto.jpg", email="ana@example.org")
        event = upload.encoded()
        headers = {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid4()),
            "ce_source": "/image-upload",
            "ce_type": event.type,
            "ce_time": "2026-01-01T12:00:00.000000Z",
            "content-type": "application/json",
            "traceparent": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01",
        }
        encoded = [(name, value.encode()) for name, value in headers.items()]
        producer.send(topic, event.value.encode(), event.key.encode(), encoded, partition=one % PARTITIONS)
    producer.close()


@contextmanager
def handling(bench: Bench, runtime: Runtime, kind: str, records: str, group: str) -> Iterator[Program]:
    """The runtime's program at work on the topic `records`: `nothing` or `answering`, to the topic GROUP-answers."""
    bench.create_topics(answers_of(group), partitions=PARTITIONS)
    environment = bench.environment(f"{group}-", PARTITIONS) | {
        "KAFKA_TOPIC_IMAGE": records,
        "KAFKA_TOPIC_NOTIFICATION": answers_of(group),
        "KAFKA_GROUP_PREFIX": "",
        "KAFKA_GROUP_ID": group,
        "PYTHONPATH": str(HERE.parent),
    }
    program = Program(["-m", runtime.module, kind], environment, bench.core, runtime.interpreter)
    with ExitStack() as stack:
        stack.callback(program.stop)
        yield program


def answers_of(group: str) -> str:
    return f"{group}-answers"


def committed(bench: Bench, group: str) -> int:
    """How many records the group has committed."""
    try:
        offsets: Sequence[int] = [place.offset for place in bench.admin.list_group_offsets(group)[group].values()]
    except KafkaError:
        return 0  # the group is not there yet
    return sum(offset for offset in offsets if offset > 0)


def answered(bench: Bench, group: str) -> int:
    """How many records the group has answered. They are read: Tansu tells ends of topics that are too low."""
    consumer = KafkaConsumer(bootstrap_servers=bench.broker.address)
    consumer.assign([TopicPartition(answers_of(group), number) for number in range(PARTITIONS)])
    consumer.seek_to_beginning()
    keys = set()
    while batches := consumer.poll(timeout_ms=1_000):
        keys |= {record.key for records in batches.values() for record in records}
    consumer.close()
    return len(keys)
