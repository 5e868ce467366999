"""The broker as a managed cluster has it (deploy/compose/sasl.yml): who enters, and what they may do.

The settings to enter are in the environment, as run-overrides makes them.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bus.clients import connect_admin, connect_consumer
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from kafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from sample_pictures import encoded, quarters
from suite_fixtures import ROOT, Suite, eventually

pytestmark = pytest.mark.compose

PASSWORD = os.environ.get("KAFKA_SASL_PASSWORD", "")


@pytest.fixture(autouse=True)
def cluster(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", suite.broker)
    monkeypatch.setenv("KAFKA_SESSION_TIMEOUT_MS", "6000")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_every_mechanism_gets_in(monkeypatch: pytest.MonkeyPatch, mechanism: str) -> None:
    monkeypatch.setenv("KAFKA_SASL_MECHANISM", mechanism)
    with connect_admin(KafkaSettings()) as admin:
        assert admin.describe_cluster()["brokers"]


def test_what_has_not_the_prefix_is_out_of_reach() -> None:
    with connect_admin(KafkaSettings()) as admin, pytest.raises(TopicAuthorizationFailedError):
        admin.create_topics({"image": {"num_partitions": 1, "replication_factor": 1}})
    with connect_consumer(KafkaSettings(), group_id="aula") as consumer:
        consumer.subscribe([KafkaSettings().topic("image")])
        with pytest.raises(GroupAuthorizationFailedError):
            eventually(lambda: consumer.poll(500))


def test_the_tools_of_kafka_enter_too(suite: Suite) -> None:
    """So does Kafdrop, by the same file."""
    (accepted,) = suite.upload(("perfil.png", encoded(quarters(), "PNG")))
    suite.finished(accepted["id"])
    consumer = ("kafka-console-consumer", "--bootstrap-server", "broker:29092", "--from-beginning")
    entry = ("--consumer.config", "/certificates/client.properties", "--group", suite.group("console"))
    end = ("--topic", suite.topic("notification"), "--max-messages", "1", "--timeout-ms", "60000")
    command = ["docker", "compose", "exec", "-T", "-e", "KAFKA_OPTS=", "broker", *consumer, *entry, *end]
    read = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert '"new_file"' in read.stdout, read.stderr


def test_the_terminal_chat_of_this_machine_enters() -> None:
    """`make chat`, with the settings in the environment."""
    env = {name: value for name, value in os.environ.items() if name != "KAFKA_BOOTSTRAP_SERVERS"}
    chat = subprocess.run(
        [sys.executable, "deploy/local/chat.py"], cwd=ROOT, env=env, input="Ana\nOlá\n", text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (chat.returncode, chat.stderr) == (0, "")
    assert re.search(r"Sessão de chat iniciada: \S+\nDigite o seu nome: Ana: Robô: \S", chat.stdout)


def test_a_picture_goes_its_way_under_the_names_of_a_managed_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a password from a file, a prefix of one's own, and one topic by its exact name."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    prefix = os.environ["KAFKA_TOPIC_PREFIX"]
    env = {
        "KAFKA_SASL_PASSWORD": "",
        "KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password"),
        "KAFKA_TOPIC_PREFIX": f"{prefix}aula-",
        "KAFKA_GROUP_PREFIX": f"{prefix}aula-",
        "KAFKA_TOPIC_IMAGE": f"{prefix}default",
        "STORE_URL": f"file://{tmp_path}",
        "RUN_DIR": str(tmp_path),
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    subprocess.run([sys.executable, "-m", "bus.create_topics"], check=True)
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "perfil.png").write_bytes(encoded(quarters(), "PNG"))
    settings = KafkaSettings()
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "rotate_worker"], stdout=log, stderr=log)
    try:
        event = json.dumps({"timestamp": 1.5, "new_file": "perfil.png"}).encode()
        Producer(settings).publish([Outgoing("image", None, event, [])])
        with connect_consumer(settings) as consumer:
            consumer.subscribe([f"{prefix}aula-notification"])
            (records,) = eventually(lambda: list(consumer.poll(500).values()), 60)
        assert json.loads(records[0].value)["result"] == "processed/rotate/perfil_rotate.png"
        assert (tmp_path / "processed/rotate/perfil_rotate.png").is_file()
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
    assert PASSWORD not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "bus.create_topics"],
        ["-m", "rotate_worker"],
        ["-m", "gunicorn", "-c", "python:chatbot.gunicorn_conf"],
        ["-m", "gunicorn", "-c", "python:image_upload.gunicorn_conf"],
    ],
    ids=lambda command: command[-1],
)
def test_a_wrong_password_is_told_in_one_line(tmp_path: Path, command: list[str]) -> None:
    env = os.environ | {"KAFKA_SASL_PASSWORD": "wrong", "STORE_URL": f"file://{tmp_path}"}
    env |= {"BIND": f"unix:{tmp_path}/socket"}
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    (line,) = done.stderr.strip().splitlines()
    assert "KAFKA_SASL_PASSWORD" in line
    assert "refuses" in line
