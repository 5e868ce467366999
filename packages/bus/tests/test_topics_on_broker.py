"""The one-shot step that creates topics, against a broker that speaks the real protocol."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest
from bus.clients import connect_admin
from bus.kafka_cluster import KafkaCluster
from bus.settings import KafkaSettings
from bus.topics import MissingTopics, ensure
from events.catalogue import all_topics
from kafka import KafkaAdminClient

pytestmark = pytest.mark.broker


def create_topics(**env: str) -> tuple[int, str, str]:
    """Run the step; its status, output and complaints."""
    step = subprocess.run(
        [sys.executable, "-m", "bus.create_topics"],
        env=os.environ | env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return step.returncode, step.stdout, step.stderr


def there() -> dict[str, int]:
    """This test's topics and how many partitions they have."""
    settings = KafkaSettings()
    with KafkaAdminClient(**settings.connection()) as admin:
        found = admin.describe_topics()
    prefix = settings.kafka_topic_prefix
    return {topic["name"]: len(topic["partitions"]) for topic in found if topic["name"].startswith(prefix)}


def complaint(status: int, out: str, err: str) -> str:
    """The one line that the step has ended with."""
    assert status == 78, (out, err)
    (line,) = err.splitlines()
    return line


def test_every_topic_is_created_once(kafka_env: dict[str, str]) -> None:
    status, out, err = create_topics()
    assert (status, err) == (0, ""), out
    wanted = {kafka_env["KAFKA_TOPIC_PREFIX"] + name: 2 for name in all_topics()}
    assert there() == wanted
    for name in ("image", "notification", "rotate-worker.dlq", "grayscale-worker.dlq", "caption-worker.dlq"):
        assert kafka_env["KAFKA_TOPIC_PREFIX"] + name in out
    status, out, err = create_topics()
    assert (status, err) == (0, "")
    assert "created=[]" in out
    assert there() == wanted


def test_what_is_missing_is_added_to_what_is_there(kafka_env: dict[str, str]) -> None:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        assert ensure(admin, settings, ["image"]) == [settings.topic("image")]
        added = ensure(admin, settings, ["image", "notification"])
        assert added == [settings.topic("notification")]
        assert ensure(admin, settings, ["image", "notification"]) == []


def test_a_worker_creates_its_topics_of_replays_with_the_partitions_of_their_sources(kafka_env: dict[str, str]) -> None:
    settings = KafkaSettings()
    three, two = settings.topic("notification"), settings.topic("handoff")
    with connect_admin(settings) as admin:
        ensure(admin, settings.model_copy(update={"kafka_partitions": 3}), ["notification"])
    KafkaCluster(settings).ensure_topics("notifier", ["notification", "handoff"], ["image"], True, lambda: False)
    assert there() == {
        three: 3,
        two: 2,
        settings.topic("image"): 2,
        settings.topic("notifier.dlq"): 2,
        settings.topic("notifier.retry.notification"): 3,
        settings.topic("notifier.retry.handoff"): 2,
        settings.topic("notifier.memory"): 3,
    }


def test_two_that_create_at_once_are_both_content(kafka_env: dict[str, str]) -> None:
    command = [sys.executable, "-m", "bus.create_topics"]
    steps = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
    assert [(step.communicate(timeout=60)[1], step.returncode) for step in steps] == [(b"", 0)] * 3
    assert set(there().values()) == {2}


def test_a_topic_that_another_creates_in_between_is_no_fault(
    kafka_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert create_topics()[0] == 0
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        look = admin.describe_topics

        def too_early(*args: Any) -> Any:
            monkeypatch.setattr(admin, "describe_topics", look)
            return []

        monkeypatch.setattr(admin, "describe_topics", too_early)
        assert ensure(admin, settings, ["image"]) == [settings.topic("image")]
    assert there()[settings.topic("image")] == 2


def test_an_exact_name_is_created_as_it_is(kafka_env: dict[str, str]) -> None:
    name = kafka_env["KAFKA_TOPIC_PREFIX"] + "default"
    assert create_topics(KAFKA_TOPIC_IMAGE=name)[0] == 0
    assert name in there()
    assert kafka_env["KAFKA_TOPIC_PREFIX"] + "image" not in there()


def test_another_number_of_partitions_ends_the_step_with_one_line(kafka_env: dict[str, str]) -> None:
    assert create_topics()[0] == 0
    line = complaint(*create_topics(KAFKA_PARTITIONS="3"))
    assert "2 partitions" in line
    assert "KAFKA_PARTITIONS" in line
    assert kafka_env["KAFKA_TOPIC_PREFIX"] in line
    assert set(there().values()) == {2}


def test_where_creating_is_forbidden_missing_topics_are_named_in_one_line(kafka_env: dict[str, str]) -> None:
    line = complaint(*create_topics(KAFKA_CREATE_TOPICS="false"))
    assert all(kafka_env["KAFKA_TOPIC_PREFIX"] + name in line for name in all_topics())
    assert "KAFKA_CREATE_TOPICS" in line
    assert there() == {}
    with connect_admin(KafkaSettings()) as admin, pytest.raises(MissingTopics):
        ensure(admin, KafkaSettings(kafka_create_topics=False), ["image"])


def test_where_creating_is_forbidden_topics_that_are_there_are_enough(kafka_env: dict[str, str]) -> None:
    assert create_topics()[0] == 0
    assert create_topics(KAFKA_CREATE_TOPICS="false")[0] == 0


def test_a_wrong_setting_ends_the_step_with_one_line(kafka_env: dict[str, str]) -> None:
    line = complaint(*create_topics(KAFKA_PARTITIONS="many"))
    assert "KAFKA_PARTITIONS" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_hears_a_signal_while_it_waits_for_a_broker(number: signal.Signals) -> None:
    step = subprocess.Popen(
        [sys.executable, "-m", "bus.create_topics"],
        env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert step.stdout
    said = step.stdout.readline()
    step.send_signal(number)
    said += step.communicate(timeout=60)[0]
    assert step.returncode == 128 + number
    assert "Traceback" not in said
