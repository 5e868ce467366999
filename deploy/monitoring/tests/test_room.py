"""What Nagios is told to watch, the mails about it, and the login."""

import re
import shlex
import shutil
import smtplib
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import yaml
from bus import KafkaSettings
from events.services import SERVICES
from monitoring import mail, objects, start
from monitoring.settings import MonitoringSettings
from suite_fixtures import ROOT

GROUPS = {
    *("imagens", "analise-sentimentos", "classificacao-produtos", "front-end", "wsgi-flask"),
    *("zookeeper", "broker", "consumer"),
}
Block = tuple[str, dict[str, str]]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*MonitoringSettings.model_fields, "kafka_security_protocol"):
        monkeypatch.delenv(name.upper(), raising=False)


def blocks() -> list[Block]:
    """What the configuration defines: the kind and the fields of each."""
    text = objects.configuration(MonitoringSettings(), KafkaSettings())
    found = re.findall(r"define (\w+) \{\n(.*?)\n\}", text, re.DOTALL)
    return [(kind, dict(line.strip().split(" ", 1) for line in fields.splitlines())) for kind, fields in found]


def of_kind(kind: str) -> list[dict[str, str]]:
    return [fields for one, fields in blocks() if one == kind]


def compose_services(file: str) -> set[str]:
    return set(yaml.safe_load((ROOT / file).read_text("utf-8"))["services"])


def test_everything_that_compose_runs_is_watched() -> None:
    """One-shot steps and the offline job end, and what watches is not watched."""
    running = compose_services("docker-compose.yml") - {"topics", "nagios", "prometheus"}
    running |= compose_services("examples/classificador-produtos/docker-compose.yml") - {
        "produtos-db", "classificacao-offline",
    }  # fmt: skip
    assert {host["host_name"] for host in of_kind("host")} == running
    assert {service["host_name"] for service in of_kind("service")} == running


def test_the_groups_are_those_of_the_lessons() -> None:
    assert {group["hostgroup_name"] for group in of_kind("hostgroup")} == GROUPS
    used = {host["host_name"]: set(host["hostgroups"].split(",")) for host in of_kind("host")}
    assert set().union(*used.values()) == GROUPS
    assert used["rotate-worker"] == {"imagens", "consumer"}
    assert used["sentiment-consumer"] == {"analise-sentimentos", "consumer"}
    assert used["chatbot"] == {"analise-sentimentos", "wsgi-flask"}
    assert used["notifier"] == {"imagens", "analise-sentimentos", "consumer"}


def test_every_worker_has_heartbeat_lag_and_dead_letters() -> None:
    names = {(service["host_name"], service["service_description"]) for service in of_kind("service")}
    for service in SERVICES:
        if not service.page:
            assert {(service.name, name) for name in ("Batimento", "Atraso", "Cartas mortas")} <= names


def test_every_service_has_a_command_that_is_there() -> None:
    programs = set(
        re.findall(r"^(\w+) = ", (ROOT / "deploy/monitoring/pyproject.toml").read_text("utf-8"), re.MULTILINE)
    )
    commands = {one["command_name"]: one["command_line"] for one in of_kind("command")}
    for service in of_kind("service"):
        assert shlex.split(commands[service["check_command"]])[0] in programs


def test_what_would_break_out_of_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="alias"):
        objects._define("host", alias="a\n}")


def test_the_picture_tells_nobody_but_the_mail_catcher(monkeypatch: pytest.MonkeyPatch) -> None:
    def picture() -> list[str]:
        return [one["command_line"] for one in of_kind("command") if one["command_line"].startswith("check_imagem")]

    assert "--correio http://mail:1080" in picture()[0]
    monkeypatch.setenv("SMTP_URL", "smtps://smtp.example")
    assert "--correio" not in picture()[0]
    monkeypatch.setenv("NOTIFY_EMAIL", "ana@example.org")
    assert picture() == []


def test_certificates_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def looked_at() -> list[str]:
        (line,) = [one["command_line"] for one in of_kind("command") if one["command_line"].startswith("check_cert")]
        return shlex.split(line)[1:]

    assert looked_at() == []
    monkeypatch.setenv("PUBLIC_URL", "https://suite.example")
    monkeypatch.setenv("SMTP_URL", "smtp+starttls://ana:segredo@smtp.example")
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "one:9093,two:9093")
    assert looked_at() == [
        "https://suite.example", "smtp+starttls://smtp.example:587", "tls://one:9093", "tls://two:9093",
    ]  # fmt: skip


# --- mails


class Server:
    """In place of smtplib.SMTP: takes mails, or raises what it was given."""

    taken: list[tuple[str, list[str], bytes]] = []  # noqa: RUF012
    error: Exception | None = None

    def __init__(self, *_: Any, **__: Any) -> None:
        if isinstance(self.error, OSError):
            raise self.error

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def sendmail(self, sender: str, recipients: list[str], text: bytes) -> None:
        if self.error:
            raise self.error
        self.taken.append((sender, recipients, text))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> type[Server]:
    monkeypatch.setattr(smtplib, "SMTP", Server)
    Server.taken, Server.error = [], None
    return Server


CHANGE = mail.Change("PROBLEM", "chatbot", "Página pelo nginx", "CRITICAL", "não responde")


def test_a_mail_tells_in_portuguese_what_has_changed(tmp_path: Path, server: type[Server]) -> None:
    settings = MonitoringSettings()
    mail.put(mail.compose(CHANGE, settings), tmp_path)
    assert mail.send_waiting(settings, tmp_path) is None
    ((sender, recipients, text),) = server.taken
    message = message_from_bytes(text, policy=policy.default)
    assert (sender, recipients) == ("suite@minharede.example", ["monitoramento@minharede.example"])
    assert message["Subject"] == "CRITICAL: chatbot – Página pelo nginx"
    body = message.get_content()
    assert "O serviço Página pelo nginx de chatbot passou a CRITICAL em " in body
    assert "não responde" in body
    assert "http://localhost:8081/" in body
    assert list(tmp_path.iterdir()) == []


def test_mails_wait_in_order_until_a_server_takes_them(tmp_path: Path, server: type[Server]) -> None:
    settings = MonitoringSettings()
    for host in ("a", "b"):
        mail.put(mail.compose(mail.Change("RECOVERY", host, "Porta", "OK", ""), settings), tmp_path)
    for error in (ConnectionRefusedError(), smtplib.SMTPDataError(451, b"later")):
        server.error = error
        assert mail.send_waiting(settings, tmp_path)
        assert len(list(tmp_path.iterdir())) == 2
    server.error = None
    assert mail.send_waiting(settings, tmp_path) is None
    subjects = [message_from_bytes(text, policy=policy.default)["Subject"] for _, _, text in server.taken]
    assert subjects == ["OK: a – Porta", "OK: b – Porta"]


def test_a_mail_that_is_refused_for_good_does_not_hold_up_the_others(tmp_path: Path, server: type[Server]) -> None:
    settings = MonitoringSettings()
    mail.put(mail.compose(CHANGE, settings), tmp_path)
    server.error = smtplib.SMTPRecipientsRefused({"x": (550, b"nobody")})
    assert "550" in str(mail.send_waiting(settings, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_not_more_mails_wait_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_WAITING", 3)
    for number in range(5):
        mail.put(mail.compose(mail.Change("PROBLEM", f"h{number}", "Porta", "OK", ""), MonitoringSettings()), tmp_path)
    kept = [message_from_bytes(path.read_bytes())["Subject"] for path in sorted(tmp_path.iterdir())]
    assert len(kept) == 3
    assert "h2" in str(message_from_bytes(sorted(tmp_path.iterdir())[0].read_bytes(), policy=policy.default)["Subject"])


def test_who_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_URL", "smtp://smtp.example")
    assert MonitoringSettings().contact is None
    assert of_kind("contact")[0]["service_notification_options"] == "n"
    monkeypatch.setenv("NAGIOS_CONTACT_EMAIL", "ana@example.org")
    assert of_kind("contact")[0]["email"] == "ana@example.org"
    assert of_kind("contact")[0]["service_notification_options"] == "w,u,c,r"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NAGIOS_USER", "a:b"),
        ("NAGIOS_PASSWORD", "x" * 73),
        ("NAGIOS_CONTACT_EMAIL", "ninguém"),
        ("NAGIOS_CHECK_SECONDS", "0"),
        ("SMTP_URL", "smtp.example"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        MonitoringSettings.load()
    assert stopped.value.code == 78
    assert name in capsys.readouterr().err


# --- the login


@pytest.fixture
def htpasswd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Apache's program is not installed, one that writes down what it was given."""
    if shutil.which("htpasswd"):
        return

    class Done:
        def __init__(self, line: str) -> None:
            self.stdout = line

    monkeypatch.setattr(start.subprocess, "run", lambda command, input, **_: Done(f"{command[-1]}:hash of {input}\n"))


def test_a_login_is_made_once_and_printed_once(
    tmp_path: Path, htpasswd: None, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "htpasswd"
    start.make_login(MonitoringSettings(), file)
    printed = capsys.readouterr().out
    assert re.search(r"usuário nagiosadmin, senha [\w-]{16}$", printed.strip())
    first = file.read_text()
    assert first.startswith("nagiosadmin:")
    assert file.stat().st_mode & 0o077 == 0
    start.make_login(MonitoringSettings(), file)
    assert file.read_text() == first
    assert capsys.readouterr().out == ""


def test_a_password_of_the_settings_wins_and_is_not_printed(
    tmp_path: Path, htpasswd: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "htpasswd"
    file.write_text("nagiosadmin:old\n")
    monkeypatch.setenv("NAGIOS_USER", "ana")
    monkeypatch.setenv("NAGIOS_PASSWORD", "segredo")
    start.make_login(MonitoringSettings(), file)
    assert file.read_text().startswith("ana:")
    assert capsys.readouterr().out == ""
