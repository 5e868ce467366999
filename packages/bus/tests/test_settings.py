"""Settings: every variable, secrets from files, and one line where a value is wrong."""

import os
from pathlib import Path
from typing import Any

import pytest
from bus import KafkaSettings
from service import EXIT_CONFIG, PublicUrl, Settings
from service.log import LogSettings

SASL = {
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_USERNAME": "qszh831s",
    "KAFKA_SASL_PASSWORD": "hunter2",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().startswith(("kafka_", "log_")):
            monkeypatch.delenv(name)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_all(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_all


def complaint(capfd: pytest.CaptureFixture[str], settings: type[Any] = KafkaSettings) -> str:
    """The one line that a wrong setting ends the process with."""
    with pytest.raises(SystemExit) as ended:
        settings.load()
    assert ended.value.code == EXIT_CONFIG == 78
    out, err = capfd.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return str(line)


def test_without_any_variable_it_is_the_suite_on_this_machine() -> None:
    settings = KafkaSettings.load()
    assert settings.servers == ["localhost:9092"]
    assert settings.connection()["security_protocol"] == "PLAINTEXT"
    assert (settings.topic("image"), settings.group("notifier")) == ("image", "notifier")
    assert (settings.kafka_partitions, settings.kafka_replication_factor, settings.kafka_retention_hours) == (6, 1, 168)
    assert settings.kafka_create_topics is True


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("KAFKA_SESSION_TIMEOUT_MS", "6000", 6000),
        ("KAFKA_FETCH_MAX_WAIT_MS", "50", 50),
        ("DEAD_LETTERS_IN_A_ROW", "0", 0),
        ("KAFKA_PARTITIONS", "3", 3),
        ("KAFKA_REPLICATION_FACTOR", "2", 2),
        ("KAFKA_RETENTION_HOURS", "24", 24),
        ("KAFKA_CREATE_TOPICS", "false", False),
        ("KAFKA_CREATE_TOPICS", "0", False),
    ],
)
def test_numbers_and_switches(env: Any, name: str, value: str, expected: Any) -> None:
    env(**{name: value})
    assert getattr(KafkaSettings.load(), name.lower()) == expected


def test_several_brokers_are_separated_by_commas(env: Any) -> None:
    env(KAFKA_BOOTSTRAP_SERVERS="one:9092, [::1]:9093 ,three.example:9094,")
    assert KafkaSettings.load().connection()["bootstrap_servers"] == ["one:9092", "[::1]:9093", "three.example:9094"]


def test_the_old_name_of_the_broker_is_read_too_and_the_new_one_wins(env: Any) -> None:
    env(kafka_host_url="old:9092")
    assert KafkaSettings.load().servers == ["old:9092"]
    env(KAFKA_BOOTSTRAP_SERVERS="")
    assert KafkaSettings.load().servers == ["old:9092"]
    env(KAFKA_BOOTSTRAP_SERVERS="new:9092")
    assert KafkaSettings.load().servers == ["new:9092"]


def test_a_managed_cluster_is_entered_with_user_password_and_certificate(env: Any, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("certificate")
    env(**SASL, KAFKA_SASL_MECHANISM="SCRAM-SHA-512", KAFKA_SSL_CAFILE=str(authority))
    options = KafkaSettings.load().connection()
    assert {name: options[name] for name in options if name.startswith(("sasl", "security", "ssl"))} == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "qszh831s",
        "sasl_plain_password": "hunter2",
        "ssl_cafile": str(authority),
    }


def test_user_and_password_stay_out_where_nobody_asks_for_them(env: Any) -> None:
    env(KAFKA_SASL_USERNAME="qszh831s", KAFKA_SASL_PASSWORD="hunter2")
    assert not any(name.startswith("sasl") for name in KafkaSettings.load().connection())


# Names of topics and groups.


def test_prefixes_stand_before_topics_and_groups(env: Any) -> None:
    env(KAFKA_TOPIC_PREFIX="qszh831s-", KAFKA_GROUP_PREFIX="aluno1.")
    settings = KafkaSettings.load()
    assert settings.topic("image") == "qszh831s-image"
    assert settings.topic("rotate-worker.dlq") == "qszh831s-rotate-worker.dlq"
    assert settings.group("rotate-worker") == "aluno1.rotate-worker"


def test_an_exact_name_wins_over_the_prefix(env: Any) -> None:
    env(
        KAFKA_TOPIC_PREFIX="p-",
        KAFKA_TOPIC_IMAGE="qszh831s-default",
        KAFKA_TOPIC_CHAT_REPLY="replies",
        KAFKA_TOPIC_ROTATE_WORKER_DLQ="letters",
        KAFKA_TOPIC_CHATBOT="",
    )
    settings = KafkaSettings.load()
    assert settings.topic("image") == "qszh831s-default"
    assert settings.topic("chat-reply") == "replies"
    assert settings.topic("rotate-worker.dlq") == "letters"
    assert settings.topic("chatbot") == "p-chatbot"


def test_a_group_can_be_given_by_hand(env: Any) -> None:
    env(KAFKA_GROUP_ID="mine")
    assert KafkaSettings.load().group("rotate-worker") == "mine"


# Secrets and empty variables.


def test_any_setting_may_be_given_as_a_file(env: Any, tmp_path: Path) -> None:
    secret, servers = tmp_path / "secret", tmp_path / "servers"
    secret.write_text(" från fil \r\n", encoding="utf-8")
    servers.write_text("file:9092\n")
    env(**SASL | {"KAFKA_SASL_PASSWORD": ""}, KAFKA_SASL_PASSWORD_FILE=str(secret), KAFKA_HOST_URL_FILE=str(servers))
    options = KafkaSettings.load().connection()
    assert options["sasl_plain_password"] == " från fil "
    assert options["bootstrap_servers"] == ["file:9092"]


def test_a_value_wins_over_its_file(env: Any) -> None:
    env(**SASL, KAFKA_SASL_PASSWORD_FILE="/nowhere")
    assert KafkaSettings.load().connection()["sasl_plain_password"] == "hunter2"


def test_a_file_that_cannot_be_read_is_told(env: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    env(KAFKA_SASL_PASSWORD_FILE="/nowhere/secret")
    line = complaint(capfd)
    assert "KAFKA_SASL_PASSWORD_FILE" in line
    assert "/nowhere/secret" in line
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfehunter2")
    env(KAFKA_SASL_PASSWORD_FILE=str(binary))
    line = complaint(capfd)
    assert "KAFKA_SASL_PASSWORD_FILE" in line
    assert "hunter2" not in line


def test_empty_variables_count_as_not_set(env: Any) -> None:
    names = [field.upper() for field in KafkaSettings.model_fields]
    default = KafkaSettings.load()
    env(**dict.fromkeys([*names, "KAFKA_TOPIC_IMAGE", "KAFKA_SASL_PASSWORD_FILE", "kafka_host_url"], ""))
    assert KafkaSettings.load() == default
    assert KafkaSettings.load().topic("image") == "image"


def test_a_secret_is_never_written(env: Any, capfd: pytest.CaptureFixture[str]) -> None:
    env(**SASL)
    settings = KafkaSettings.load()
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    env(KAFKA_PARTITIONS="0")
    assert "hunter2" not in complaint(capfd)
    env(KAFKA_PARTITIONS="1", KAFKA_SASL_USERNAME="")
    assert "hunter2" not in complaint(capfd)


# Wrong values.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "broker"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker:port"),
        ("KAFKA_BOOTSTRAP_SERVERS", "http://broker:9092"),
        ("KAFKA_BOOTSTRAP_SERVERS", "one:9092,two"),
        ("KAFKA_BOOTSTRAP_SERVERS", ","),
        ("KAFKA_BOOTSTRAP_SERVERS", "a b:9092\nc"),
        ("KAFKA_SECURITY_PROTOCOL", "TLS"),
        ("KAFKA_SASL_MECHANISM", "MD5"),
        ("KAFKA_SSL_CAFILE", "/nowhere/ca.pem"),
        ("KAFKA_TOPIC_PREFIX", "turma a/"),
        ("KAFKA_TOPIC_IMAGE", "não"),
        ("KAFKA_TOPIC_IMAGE", "x" * 250),
        ("KAFKA_SESSION_TIMEOUT_MS", "6 s"),
        ("KAFKA_SESSION_TIMEOUT_MS", "0"),
        ("KAFKA_PARTITIONS", "0"),
        ("KAFKA_PARTITIONS", "1.5"),
        ("KAFKA_REPLICATION_FACTOR", "-1"),
        ("KAFKA_RETENTION_HOURS", "week"),
        ("KAFKA_CREATE_TOPICS", "maybe"),
    ],
)
def test_a_wrong_value_ends_the_process_with_one_line_that_names_it(
    env: Any, capfd: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    env(**{name: value})
    assert name in complaint(capfd)


@pytest.mark.parametrize(("name", "value"), [("LOG_FORMAT", "xml"), ("LOG_LEVEL", "loud")])
def test_so_does_a_wrong_wish_for_the_log(env: Any, capfd: pytest.CaptureFixture[str], name: str, value: str) -> None:
    env(**{name: value})
    assert name in complaint(capfd, LogSettings)


@pytest.mark.parametrize("missing", ["KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"])
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_sasl_needs_user_and_password(env: Any, capfd: pytest.CaptureFixture[str], missing: str, protocol: str) -> None:
    env(**SASL | {"KAFKA_SECURITY_PROTOCOL": protocol, missing: ""})
    assert complaint(capfd).startswith(f"wrong setting: {missing}: ")


# Where people reach the suite.


class Page(Settings):
    public_url: PublicUrl = "http://localhost:8080"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://localhost:8080"),
        ({"GATEWAY_URL": "http://here:80"}, "http://here:80"),
        ({"GATEWAY_URL": "http://here:80", "PUBLIC_URL": ""}, "http://here:80"),
        ({"GATEWAY_URL": "http://here:80", "PUBLIC_URL": "https://suite.example/"}, "https://suite.example"),
    ],
)
def test_the_address_for_people_wins_over_that_of_the_gateway(
    env: Any, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str
) -> None:
    for name in ("PUBLIC_URL", "GATEWAY_URL"):
        monkeypatch.delenv(name, raising=False)
    env(**variables)
    assert Page.load().public_url == url
