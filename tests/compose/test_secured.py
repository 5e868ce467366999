"""A cluster that asks who is there: SASL_SSL with SCRAM and PLAIN, as managed clusters have it, with prefixed names."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from bus.clients import connect_admin, connect_consumer
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from sample_pictures import encoded, quarters
from suite_fixtures import eventually, free_port

pytestmark = pytest.mark.compose

PASSWORD = uuid.uuid4().hex
IMAGE = "confluentinc/cp-kafka:7.9.6"


def run(*command: str, **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True, **options)  # type: ignore[call-overload]
    return str(done.stdout).strip()


def certificates(folder: Path) -> Path:
    """A certificate of `localhost` that signs itself; returns it, and leaves a key store for the broker."""
    key, certificate = folder / "key.pem", folder / "ca.pem"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject,
        "-keyout", str(key), "-out", str(certificate))  # fmt: skip
    run("openssl", "pkcs12", "-export", "-inkey", str(key), "-in", str(certificate),
        "-out", str(folder / "broker.p12"), "-passout", f"pass:{PASSWORD}")  # fmt: skip
    (folder / "broker.p12").chmod(0o644)
    folder.chmod(0o755)
    return certificate


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment for a client of a broker with a SASL_SSL listener and the user `ana`."""
    folder = tmp_path_factory.mktemp("secured")
    certificate, port = certificates(folder), free_port()
    jaas, login = "org.apache.kafka.common.security", f'PlainLoginModule required user_ana="{PASSWORD}";'
    env = {
        "CLUSTER_ID": "MkU3OEVBNTcwNTJENDM2Qk",
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "INSIDE",
        "KAFKA_LISTENERS": "INSIDE://localhost:29092,CONTROLLER://localhost:9093,SECURE://0.0.0.0:9094",
        "KAFKA_ADVERTISED_LISTENERS": f"INSIDE://localhost:29092,SECURE://localhost:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
        "KAFKA_LISTENER_NAME_SECURE_SASL_ENABLED_MECHANISMS": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
        "KAFKA_LISTENER_NAME_SECURE_SCRAM___SHA___256_SASL_JAAS_CONFIG": f"{jaas}.scram.ScramLoginModule required;",
        "KAFKA_LISTENER_NAME_SECURE_SCRAM___SHA___512_SASL_JAAS_CONFIG": f"{jaas}.scram.ScramLoginModule required;",
        "KAFKA_LISTENER_NAME_SECURE_PLAIN_SASL_JAAS_CONFIG": f"{jaas}.plain.{login}",
        "KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_LOCATION": "/certificates/broker.p12",
        "KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_TYPE": "PKCS12",
        "KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_PASSWORD": PASSWORD,
        "KAFKA_LISTENER_NAME_SECURE_SSL_KEY_PASSWORD": PASSWORD,
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_HEAP_OPTS": "-Xmx256M",
    }
    settings = [part for name, value in env.items() for part in ("-e", f"{name}={value}")]
    container = run(
        *("docker", "run", "--detach", "--publish", f"127.0.0.1:{port}:9094", "--volume", f"{folder}:/certificates:ro"),
        *settings,
        IMAGE,
    )
    try:
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            eventually(lambda mechanism=mechanism: _may_enter(container, mechanism), 60, every=1)
        yield {
            "KAFKA_BOOTSTRAP_SERVERS": f"localhost:{port}",
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": "ana",
            "KAFKA_SASL_PASSWORD": PASSWORD,
            "KAFKA_SSL_CAFILE": str(certificate),
            "KAFKA_TOPIC_PREFIX": "qszh831s-",
            "KAFKA_GROUP_PREFIX": "qszh831s-",
            "KAFKA_TOPIC_IMAGE": "qszh831s-default",
            "KAFKA_SESSION_TIMEOUT_MS": "6000",
        }
    finally:
        run("docker", "rm", "--force", "--volumes", container)


def _may_enter(container: str, mechanism: str) -> bool:
    """Whether `ana` could be given her password on the broker in `container`."""
    tool = ("kafka-configs", "--bootstrap-server", "localhost:29092", "--alter", "--entity-type", "users")
    credential = ("--entity-name", "ana", "--add-config", f"{mechanism}=[password={PASSWORD}]")
    return not subprocess.run(
        ["docker", "exec", container, *tool, *credential], capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_every_mechanism_gets_in(secured: dict[str, str], monkeypatch: pytest.MonkeyPatch, mechanism: str) -> None:
    for name, value in (secured | {"KAFKA_SASL_MECHANISM": mechanism}).items():
        monkeypatch.setenv(name, value)
    with connect_admin(KafkaSettings()) as admin:
        assert admin.describe_cluster()["brokers"]


def test_a_picture_goes_its_way_under_the_names_of_a_managed_cluster(
    secured: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text(secured["KAFKA_SASL_PASSWORD"] + "\n")
    env = secured | {
        "KAFKA_SASL_PASSWORD": "",
        "KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password"),
        "STORE_URL": f"file://{tmp_path}",
        "RUN_DIR": str(tmp_path),
    }
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    run(sys.executable, "-m", "bus.create_topics")
    (tmp_path / "uploads").mkdir()
    (tmp_path / "uploads" / "perfil.png").write_bytes(encoded(quarters(), "PNG"))
    settings = KafkaSettings()
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "rotate_worker"], stdout=log, stderr=log)
    try:
        event = json.dumps({"timestamp": 1.5, "new_file": "perfil.png"}).encode()
        Producer(settings).publish([Outgoing("image", None, event, [])])
        with connect_consumer(settings) as consumer:
            consumer.subscribe(["qszh831s-notification"])
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
def test_a_wrong_password_is_told_in_one_line(secured: dict[str, str], tmp_path: Path, command: list[str]) -> None:
    env = os.environ | secured | {"KAFKA_SASL_PASSWORD": "wrong", "STORE_URL": f"file://{tmp_path}"}
    env |= {"BIND": f"unix:{tmp_path}/socket"}
    done = subprocess.run([sys.executable, *command], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    (line,) = done.stderr.strip().splitlines()
    assert "KAFKA_SASL_PASSWORD" in line
    assert "refuses" in line
