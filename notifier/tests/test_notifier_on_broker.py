"""The notifier as a process, against the embedded broker and fake servers."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.settings import KafkaSettings
from events.catalogue import all_topics
from fake_servers import MailServer, TelegramServer
from kafka import KafkaAdminClient, KafkaProducer
from suite_fixtures import all_records, eventually

pytestmark = pytest.mark.broker


class Notifier:
    def __init__(self, env: dict[str, str], folder: Path):
        self.env = os.environ | env | {"RUN_DIR": str(folder), "STORE_URL": f"file://{folder}"}
        self.folder = folder
        self.settings = KafkaSettings()
        self.processes: list[subprocess.Popen[bytes]] = []
        subprocess.run([sys.executable, "-m", "bus.create_topics"], env=self.env, check=True, capture_output=True)
        self.producer = KafkaProducer(**self.settings.connection())

    def start(self) -> subprocess.Popen[bytes]:
        number = len(self.processes)
        with (self.folder / f"log{number}").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", "notifier"], env=self.env, stdout=log, stderr=log)
        self.processes.append(process)
        eventually(lambda: "assigned" in self.log(number) or process.poll() is not None, 60)
        assert process.poll() is None, self.log(number)
        return process

    def log(self, number: int = 0) -> str:
        return (self.folder / f"log{number}").read_text()

    def publish(self, name: str, event_id: str | None = None, **fields: Any) -> None:
        event = {"timestamp": 1.5, "new_file": f"{name}.png", "original_name": f"{name}.png", "operation": "rotate"}
        event |= {"status": "done", "lang": "en"} | fields
        headers = [("ce_id", (event_id or str(uuid.uuid4())).encode())]
        topic = self.settings.topic("notification")
        self.producer.send(topic, json.dumps(event).encode(), name.encode(), headers).get(60)

    def tell(self, topic: str, **event: Any) -> None:
        event = {"sessao": "s1", "timestamp": time.time()} | event
        self.producer.send(self.settings.topic(topic), json.dumps(event).encode(), b"s1").get(60)

    def dead_letters(self) -> list[Any]:
        return self.records("notifier.dlq")

    def has_state(self, event_id: str) -> bool:
        return event_id.encode() in {record.key for record in self.records("notifier.memory")}

    def records(self, topic: str) -> list[Any]:
        return all_records(self.settings.topic(topic), **self.settings.connection())

    def rewind(self) -> None:
        """Delete the consumer group, so that all records are delivered again."""
        with KafkaAdminClient(**self.settings.connection()) as admin:
            admin.delete_groups([self.settings.group("notifier")])

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.producer.close(timeout=1)


@pytest.fixture
def notifier(kafka_env: dict[str, str], mail_port: int, tmp_path: Path) -> Iterator[Notifier]:
    notifier = Notifier(kafka_env | {"SMTP_URL": f"smtp://127.0.0.1:{mail_port}"}, tmp_path)
    yield notifier
    notifier.stop()


def assert_mailed(server: MailServer, *names: str) -> bool:
    subjects = sorted(mail["Subject"] for mail in server.mails)
    assert subjects == sorted(f"The file {name}.png was rotated." for name in names)
    return True


def test_the_notifier_has_a_state_store_topic() -> None:
    assert "notifier.memory" in all_topics()


def test_duplicates_are_not_sent_again_even_after_a_restart(notifier: Notifier, mail_server: MailServer) -> None:
    first = notifier.start()
    notifier.publish("a", "event-a", email="ana@example.org")
    notifier.publish("b", email="ana@example.org")
    eventually(lambda: assert_mailed(mail_server, "a", "b"))
    notifier.publish("a", "event-a", email="ana@example.org")  # a duplicate event
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    notifier.rewind()
    second = notifier.start()
    notifier.publish("c", "event-c", email="ana@example.org")
    eventually(lambda: assert_mailed(mail_server, "a", "b", "c"))
    eventually(lambda: notifier.has_state("event-c"))
    second.kill()
    second.wait()
    notifier.start()
    notifier.publish("d", email="ana@example.org")
    eventually(lambda: assert_mailed(mail_server, "a", "b", "c", "d"))


def test_while_the_mail_server_is_unreachable_nothing_is_lost(notifier: Notifier, mail_port: int) -> None:
    notifier.start()
    names = [f"n{number}" for number in range(8)]
    for name in names:
        notifier.publish(name, email="ana@example.org")
    eventually(lambda: len(notifier.records("notifier.email")) == len(names) and "retrying" in notifier.log())
    server = MailServer(mail_port)
    server.start()
    try:
        eventually(lambda: assert_mailed(server, *names), 60)
    finally:
        server.stop()
    assert notifier.dead_letters() == []


def test_a_deferred_or_refused_address_blocks_no_other(notifier: Notifier, mail_server: MailServer) -> None:
    refused = {"grey@example.org": "451 greylisted", "gone@example.org": "550 no such user"}
    mail_server.reply = lambda recipient, times: (
        None if times > 3 and len(mail_server.mails) == 10 else refused.get(recipient)
    )
    notifier.start()
    notifier.publish("grey", email="grey@example.org")
    notifier.publish("gone", email="gone@example.org")
    notifier.publish("broken", email="a@example.org, b@example.org")
    for number in range(10):
        notifier.publish(f"n{number}", email="ana@example.org")
    eventually(lambda: assert_mailed(mail_server, "grey", *(f"n{number}" for number in range(10))), 60)
    order = [mail["To"] for mail in mail_server.mails]
    assert order[-1] == "grey@example.org"
    dead_letters = eventually(lambda: len(found := notifier.dead_letters()) == 2 and found)
    assert {json.loads(dead_letter.value)["text"] for dead_letter in dead_letters} == {
        "The file gone.png was rotated.",
        "The file broken.png was rotated.",
    }
    assert mail_server.attempts["gone@example.org"] == 1


def test_what_waits_for_a_full_mailbox_arrives_in_order_and_no_other_waits(
    notifier: Notifier, mail_server: MailServer
) -> None:
    mail_server.reply = lambda recipient, times: (
        "452 mailbox full" if recipient == "full@example.org" and (times <= 4 or not mail_server.mails) else None
    )
    notifier.start()
    names = ["b", "c", "d"]
    for number, name in enumerate(names, 1):
        notifier.publish(name, email="full@example.org")
        eventually(lambda number=number: len(notifier.records("notifier.email")) == number)
    notifier.publish("ana", email="ana@example.org")
    eventually(lambda: assert_mailed(mail_server, "ana"))
    eventually(lambda: assert_mailed(mail_server, "ana", *names), 120)
    assert [mail["Subject"] for mail in mail_server.mails[1:]] == [
        f"The file {name}.png was rotated." for name in names
    ]
    assert len(notifier.records("notifier.delay")) == 1
    assert notifier.dead_letters() == []


def test_only_the_channel_that_failed_is_retried(
    notifier: Notifier, mail_server: MailServer, telegram_server: TelegramServer
) -> None:
    token = "123456:ABC-secret_token"
    notifier.env |= {"TELEGRAM_API_URL": telegram_server.url, "TELEGRAM_BOT_TOKEN": token, "LOG_LEVEL": "debug"}
    telegram_server.reply = lambda number: (500, {}) if number <= 2 else None
    notifier.start()
    notifier.publish("a", email="ana@example.org", telegram_id="42")
    eventually(lambda: len(telegram_server.calls) == 3)
    eventually(lambda: assert_mailed(mail_server, "a"))
    notifier.publish("b", email="ana@example.org")
    eventually(lambda: assert_mailed(mail_server, "a", "b"))
    assert len(telegram_server.calls) == 3
    assert token not in notifier.log()


def test_a_rebalance_between_two_notifiers_sends_each_message_once(notifier: Notifier, mail_server: MailServer) -> None:
    first = notifier.start()
    names = [f"n{number}" for number in range(60)]
    for name in names[:30]:
        notifier.publish(name, email="ana@example.org")
    notifier.start()
    for name in names[30:]:
        notifier.publish(name, email="ana@example.org")
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    eventually(lambda: assert_mailed(mail_server, *names), 60)


def test_attendants_are_mailed_once_per_waiting_period(notifier: Notifier, mail_server: MailServer) -> None:
    notifier.env |= {"ATTENDANT_EMAIL": "bia@example.org", "PUBLIC_URL": "http://chat.example"}
    first = notifier.start()

    def angry(text: str) -> None:
        notifier.tell("handoff", nome="Ana", pergunta=text, confianca=0.9)

    def mails(*texts: str) -> bool:
        assert [mail["Subject"].rpartition(": ")[2] for mail in mail_server.mails] == list(texts)
        return True

    angry("one")
    eventually(lambda: mails("one"))
    angry("two")
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    notifier.start()  # the state store has the waiting period
    angry("three")
    notifier.tell("conversation", evento="assumida", atendente="Bia")
    notifier.tell("conversation", evento="devolvida", atendente="Bia")
    angry("four")
    eventually(lambda: mails("one", "four"))
    (mail, _second) = mail_server.mails
    assert mail["To"] == "bia@example.org"
    assert "Ana" in mail["Subject"]
    assert "http://chat.example/chat/attendant" in mail.get_content()
