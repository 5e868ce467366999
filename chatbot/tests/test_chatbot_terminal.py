"""The chat on the command line, as a process in a terminal, against a broker that speaks the real protocol."""

import codecs
import fcntl
import math
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from bus.conversation import ChatExchanged, ConversationChanged, HandoffRaised, HumanReplied
from bus.producer import Outgoing, Producer
from bus.settings import EXIT_CONFIG, KafkaSettings
from doorkeeper import Doorkeeper
from kafka import KafkaConsumer
from suite_fixtures import eventually

from chatbot import bot

pytestmark = pytest.mark.broker

CHAT = [sys.executable, "-m", "chatbot"]
DEAF = """
import sys
from bus.mirror import Mirror
from chatbot.__main__ import main
listen = Mirror._listen
Mirror._listen = lambda mirror: mirror._stopping.wait() if mirror.caught_up.is_set() else listen(mirror)
sys.exit(main())
"""


class Terminal:
    """The chat in a terminal: what is on the screen, and keys to press."""

    def __init__(self, *how: str) -> None:
        self._keys, theirs = pty.openpty()
        self._decoded = codecs.getincrementaldecoder("utf-8")()  # a read may end within a letter
        self.screen = ""
        env = os.environ | {"TERM": "xterm", "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *(how or CHAT[1:])],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            start_new_session=True,
            preexec_fn=_own_terminal,  # noqa: PLW1509 - it takes no lock
        )
        os.close(theirs)

    @property
    def echoes(self) -> bool:
        """Whether it shows what is typed by itself; who reads keys does it in its place."""
        return bool(termios.tcgetattr(self._keys)[3] & termios.ECHO)

    def press(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def shows(self, text: str) -> str:
        """Wait until the text is there; returns the whole screen, and forgets it."""

        def look() -> bool:
            if select.select([self._keys], [], [], 0.05)[0]:
                try:
                    self.screen += self._decoded.decode(os.read(self._keys, 65_536))
                except OSError:  # its end is closed
                    assert text in self.screen, self.screen
            return text in self.screen

        eventually(look, 30)
        shown, self.screen = self.screen, ""
        return shown

    def ended(self, told: Callable[[], None]) -> int | None:
        """Its status, when it has been told to end: as by a person, again where it goes on. Python's `input` misses a
        signal in the moment before it waits for a key."""

        def look() -> bool:
            told()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            return self.process.returncode is not None

        eventually(look)
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._keys)


def _own_terminal() -> None:
    """Make standard input the terminal that sends Ctrl-C."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Attendant:
    """Publishes what calls a human to a conversation, and what one does in it."""

    def __init__(self, sessao: str):
        self.sessao = sessao
        self._producer = Producer(KafkaSettings())

    def call(self) -> None:
        event = HandoffRaised(
            sessao=self.sessao, nome="Ana", pergunta="Que horror", confianca=0.9, timestamp=time.time()
        )
        self._producer.publish([Outgoing.of("handoff", event.encoded(), "test")])

    def change(self, evento: Any) -> None:
        event = ConversationChanged(sessao=self.sessao, evento=evento, atendente="Bia", timestamp=time.time())
        self._producer.publish([Outgoing.of("conversation", event.encoded(), "test")])

    def reply(self, mensagem: str) -> None:
        event = HumanReplied(sessao=self.sessao, atendente="Bia", mensagem=mensagem)
        self._producer.publish([Outgoing.of("chat-reply", event.encoded(), "test")])

    def close(self) -> None:
        self._producer.close()


@pytest.fixture
def terminal(kafka_env: dict[str, str]) -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def records(topic: str, number: int) -> list[Any]:
    """The first records of a topic."""
    settings = KafkaSettings()
    found: list[Any] = []
    with KafkaConsumer(
        settings.topic(topic), **settings.connection(), auto_offset_reset="earliest", fetch_max_wait_ms=50
    ) as consumer:

        def look() -> bool:
            found.extend(record for part in consumer.poll(200).values() for record in part)
            return len(found) >= number

        eventually(look)
    return found


def typed(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(CHAT, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_its_sentences_are_those_of_the_contract(kafka_env: dict[str, str]) -> None:
    answer = typed("\n   \nAna\nOlá\n\nIsto é péssimo\n")
    assert (answer.returncode, answer.stderr) == (0, "")
    found = re.match(r"Sessão de chat iniciada: ([0-9a-f-]{36})\n", answer.stdout)
    assert found
    sessao = found[1]
    assert answer.stdout.removeprefix(found[0]) == (
        "Digite o seu nome: Digite o seu nome: Digite o seu nome: "
        f"Ana: Robô: Oi\nAna: Ana: Robô: {bot.FALLBACK['pt-BR']}\nAna: \n"
    )
    (opened,) = records("conversation", 1)
    assert opened.key.decode() == sessao
    assert ConversationChanged.decode(opened.value).nome == "Ana"
    exchanges = [ChatExchanged.decode(record.value) for record in records("chatbot", 2)]
    assert [(one.sessao, one.nome, one.pergunta, one.resposta) for one in exchanges] == [
        (sessao, "Ana", "Olá", "Oi"),
        (sessao, "Ana", "Isto é péssimo", bot.FALLBACK["pt-BR"]),
    ]


def test_a_human_takes_over_answers_live_and_hands_back(terminal: Terminal) -> None:
    found = re.search(r"Sessão de chat iniciada: (\S+)\r\n", terminal.shows("Digite o seu nome: "))
    assert found
    terminal.press("Ana\n")
    terminal.shows("Ana: ")
    attendant = Attendant(found[1])
    attendant.call()
    terminal.shows("Uma pessoa foi chamada e logo estará aqui.")
    terminal.press("Que horror\n")
    terminal.shows(f"Robô: {bot.CALLED['pt-BR']}")
    attendant.change("assumida")
    terminal.shows("Bia entrou na conversa.")
    terminal.press("Olá\n")
    assert "Robô" not in terminal.shows("Olá\r\nAna: ")
    attendant.reply("Aqui é a Bia,\x1b[2J\x07 do suporte")
    assert "Robô" not in terminal.shows("Bia: Aqui é a Bia,[2J do suporte")
    terminal.press("ainda escre")
    terminal.shows("ainda escre")
    attendant.reply("Já vejo isso")
    shown = terminal.shows("Bia: Já vejo isso\r\nAna: ainda escre")  # what is half typed stays
    assert shown.startswith("\r\033[K")
    terminal.press("vendo\n")
    terminal.shows("vendo\r\nAna: ")
    attendant.change("devolvida")
    terminal.shows("Bia saiu da conversa.")
    attendant.close()
    said = [ChatExchanged.decode(record.value) for record in records("chatbot", 3)]
    assert [(one.pergunta, one.resposta) for one in said[1:]] == [("Olá", ""), ("ainda escrevendo", "")]
    terminal.press("Olá\n")
    terminal.shows("Robô: Oi")


@pytest.mark.parametrize("key", ["\x04", "\x03"])
def test_it_ends_when_it_is_told_to(terminal: Terminal, key: str) -> None:
    terminal.shows("Digite o seu nome: ")
    terminal.press("Ana\n")
    terminal.shows("Ana: ")
    assert terminal.ended(lambda: terminal.press(key)) == 0
    assert "Traceback" not in terminal.screen


def test_it_can_be_told_to_end_while_it_asks_for_the_name(terminal: Terminal) -> None:
    terminal.shows("Digite o seu nome: ")
    assert terminal.ended(lambda: terminal.process.send_signal(signal.SIGINT)) == 0


def test_too_long_a_message_is_asked_for_again(kafka_env: dict[str, str]) -> None:
    answer = typed("Ana\n" + "x" * 5_000 + "\nOlá\n")
    assert "no máximo 4000 caracteres" in answer.stdout
    assert answer.stdout.endswith("Ana: Robô: Oi\nAna: \n")
    (exchange,) = records("chatbot", 1)
    assert ChatExchanged.decode(exchange.value).pergunta == "Olá"


def test_bytes_of_another_encoding_do_no_harm(kafka_env: dict[str, str]) -> None:
    answer = subprocess.run(CHAT, input="Ana\nolá\n".encode("latin-1"), capture_output=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    assert b"Rob" in answer.stdout


def test_without_a_broker_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    answer = typed("Ana\n")
    assert (answer.returncode, answer.stdout) == (1, "")
    (line,) = answer.stderr.splitlines()
    assert "127.0.0.1:9" in line


def test_a_login_that_is_refused_is_told_in_one_line(doorkeeper: Doorkeeper) -> None:
    doorkeeper.refusals = math.inf
    answer = typed("Ana\n")
    assert (answer.returncode, answer.stdout) == (EXIT_CONFIG, "")
    (line,) = answer.stderr.splitlines()
    assert "KAFKA_SASL_PASSWORD" in line
    assert KafkaSettings().kafka_bootstrap_servers in line


def test_so_is_one_that_is_refused_later_and_the_terminal_is_left_in_order(doorkeeper: Doorkeeper) -> None:
    terminal = Terminal()
    terminal.shows("Digite o seu nome: ")
    terminal.press("Ana\n")
    terminal.shows("Ana: ")
    assert not terminal.echoes
    doorkeeper.turn_out()
    terminal.shows("KAFKA_SASL_PASSWORD")
    assert terminal.ended(lambda: terminal.press("\n")) == EXIT_CONFIG
    assert terminal.echoes
    terminal.close()


def test_who_says_something_before_that_is_known_is_told_too(doorkeeper: Doorkeeper) -> None:
    """The mirror hears it late: it is deaf here."""
    terminal = Terminal("-c", DEAF)
    terminal.shows("Digite o seu nome: ")
    doorkeeper.turn_out()
    terminal.press("Ana\n")
    terminal.shows("recusa este usuário ou senha.")
    assert terminal.ended(lambda: None) == EXIT_CONFIG
    terminal.close()


def test_a_wrong_setting_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker")
    answer = typed("Ana\n")
    assert answer.returncode == 78
    (line,) = answer.stderr.splitlines()
    assert "KAFKA_BOOTSTRAP_SERVERS" in line
