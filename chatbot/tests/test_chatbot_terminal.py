"""The chat on the command line, as a process in a pseudo-terminal, against the embedded broker."""

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
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from doorkeeper import Doorkeeper
from events.conversation import ChatExchanged, ConversationChanged, HandoffRaised, HumanReplied
from kafka import KafkaConsumer
from service import EXIT_CONFIG
from suite_fixtures import eventually

from chatbot import bot

pytestmark = pytest.mark.broker

CHAT = [sys.executable, "-m", "chatbot"]
STALLED_MIRROR = """
import sys
from bus.mirror import Mirror
from chatbot.__main__ import main
listen = Mirror._listen
Mirror._listen = lambda mirror: mirror._stopping.wait() if mirror.caught_up.is_set() else listen(mirror)
sys.exit(main())
"""


class Terminal:
    """The chat in a pseudo-terminal: its output, and keys to press."""

    def __init__(self, *arguments: str) -> None:
        self._keys, theirs = pty.openpty()
        self._decoded = codecs.getincrementaldecoder("utf-8")()  # a read may end in the middle of a character
        self.screen = ""
        env = os.environ | {"TERM": "xterm", "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            [sys.executable, *(arguments or CHAT[1:])],
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
        """Whether the terminal echoes keys; readline turns that off while it reads them."""
        return bool(termios.tcgetattr(self._keys)[3] & termios.ECHO)

    def press(self, keys: str) -> None:
        os.write(self._keys, keys.encode())

    def wait_for(self, text: str) -> str:
        """Wait until `text` is on the screen; returns the screen and clears it."""

        def look() -> bool:
            if select.select([self._keys], [], [], 0.05)[0]:
                try:
                    self.screen += self._decoded.decode(os.read(self._keys, 65_536))
                except OSError:  # the process has closed its end
                    assert text in self.screen, self.screen
            return text in self.screen

        eventually(look)
        shown, self.screen = self.screen, ""
        return shown

    def exit_status(self, stop: Callable[[], None]) -> int | None:
        """Call `stop` until the process exits; returns its status.

        One call may not be enough: Python's `input` misses a signal that arrives just before it starts to wait.
        """

        def look() -> bool:
            stop()
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
    """Make standard input the controlling terminal, which sends Ctrl-C."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Attendant:
    """Publishes the events of a handoff and of an attendant in one conversation."""

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


def run_with_input(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(CHAT, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_its_sentences_match_the_contract(kafka_env: dict[str, str]) -> None:
    result = run_with_input("\n   \nAna\nOlá\n\nIsto é péssimo\n")
    assert (result.returncode, result.stderr) == (0, "")
    found = re.match(r"Sessão de chat iniciada: ([0-9a-f-]{36})\n", result.stdout)
    assert found
    sessao = found[1]
    assert result.stdout.removeprefix(found[0]) == (
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


def test_who_asks_for_a_person_is_told_that_one_is_called(kafka_env: dict[str, str]) -> None:
    result = run_with_input("Ana\n/atendente\nalguém aí?\n")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"Ana: Robô: {bot.CALLING['pt-BR']}\n" in result.stdout
    assert f"Ana: Robô: {bot.CALLED['pt-BR']}\n" in result.stdout
    (handoff,) = records("handoff", 1)
    raised = HandoffRaised.decode(handoff.value)
    assert (raised.pergunta, raised.motivo) == ("/atendente", "pedido")
    exchange = records("chatbot", 2)[0]
    assert dict(handoff.headers)["ce_causationid"] == dict(exchange.headers)["ce_id"]


def test_a_human_takes_replies_and_releases(terminal: Terminal) -> None:
    found = re.search(r"Sessão de chat iniciada: (\S+)\r\n", terminal.wait_for("Digite o seu nome: "))
    assert found
    terminal.press("Ana\n")
    terminal.wait_for("Ana: ")
    attendant = Attendant(found[1])
    attendant.call()
    terminal.wait_for("Uma pessoa foi chamada e logo estará aqui.")
    terminal.press("Que horror\n")
    terminal.wait_for(f"Robô: {bot.CALLED['pt-BR']}")
    attendant.change("assumida")
    terminal.wait_for("Bia entrou na conversa.")
    terminal.press("Olá\n")
    assert "Robô" not in terminal.wait_for("Olá\r\nAna: ")
    attendant.reply("Aqui é a Bia,\x1b[2J\x07 do suporte")
    assert "Robô" not in terminal.wait_for("Bia: Aqui é a Bia,[2J do suporte")
    terminal.press("ainda escre")
    terminal.wait_for("ainda escre")
    attendant.reply("Já vejo isso")
    shown = terminal.wait_for("Bia: Já vejo isso\r\nAna: ainda escre")  # a half-typed line stays
    assert shown.startswith("\r\033[K")
    terminal.press("vendo\n")
    terminal.wait_for("vendo\r\nAna: ")
    attendant.change("devolvida")
    terminal.wait_for("Bia saiu da conversa.")
    attendant.close()
    said = [ChatExchanged.decode(record.value) for record in records("chatbot", 3)]
    assert [(one.pergunta, one.resposta) for one in said[1:]] == [("Olá", ""), ("ainda escrevendo", "")]
    terminal.press("Olá\n")
    terminal.wait_for("Robô: Oi")


@pytest.mark.parametrize("key", ["\x04", "\x03"])
def test_it_exits_on_ctrl_d_and_ctrl_c(terminal: Terminal, key: str) -> None:
    terminal.wait_for("Digite o seu nome: ")
    terminal.press("Ana\n")
    terminal.wait_for("Ana: ")
    assert terminal.exit_status(lambda: terminal.press(key)) == 0
    assert "Traceback" not in terminal.screen


def test_it_exits_on_sigint_while_it_asks_for_the_name(terminal: Terminal) -> None:
    terminal.wait_for("Digite o seu nome: ")
    assert terminal.exit_status(lambda: terminal.process.send_signal(signal.SIGINT)) == 0


def test_a_second_ctrl_c_does_not_disturb_the_end(terminal: Terminal) -> None:
    terminal.wait_for("Digite o seu nome: ")

    def press_again_and_again() -> None:
        for _ in range(8):
            with suppress(ProcessLookupError):
                terminal.process.send_signal(signal.SIGINT)
            time.sleep(0.25)

    assert terminal.exit_status(press_again_and_again) == 0


def test_a_message_that_is_too_long_is_asked_for_again(kafka_env: dict[str, str]) -> None:
    result = run_with_input("Ana\n" + "x" * 5_000 + "\nOlá\n")
    assert "no máximo 4000 caracteres" in result.stdout
    assert result.stdout.endswith("Ana: Robô: Oi\nAna: \n")
    (exchange,) = records("chatbot", 1)
    assert ChatExchanged.decode(exchange.value).pergunta == "Olá"


def test_input_in_another_encoding_is_accepted(kafka_env: dict[str, str]) -> None:
    result = subprocess.run(CHAT, input="Ana\nolá\n".encode("latin-1"), capture_output=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    assert b"Rob" in result.stdout


def test_without_a_broker_it_exits_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    result = run_with_input("Ana\n")
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert "127.0.0.1:9" in line


def test_a_refused_login_exits_with_one_line(doorkeeper: Doorkeeper) -> None:
    doorkeeper.refusals = math.inf
    result = run_with_input("Ana\n")
    assert (result.returncode, result.stdout) == (EXIT_CONFIG, "")
    (line,) = result.stderr.splitlines()
    assert "KAFKA_SASL_PASSWORD" in line
    assert KafkaSettings().kafka_bootstrap_servers in line


def test_a_login_refused_later_exits_and_restores_the_terminal(doorkeeper: Doorkeeper) -> None:
    terminal = Terminal()
    terminal.wait_for("Digite o seu nome: ")
    terminal.press("Ana\n")
    terminal.wait_for("Ana: ")
    assert not terminal.echoes
    doorkeeper.turn_out()
    terminal.wait_for("KAFKA_SASL_PASSWORD")
    assert terminal.exit_status(lambda: terminal.press("\n")) == EXIT_CONFIG
    assert terminal.echoes
    terminal.close()


def test_a_login_refused_while_sending_exits_too(doorkeeper: Doorkeeper) -> None:
    """The mirror, which stops reading here, would notice it late."""
    terminal = Terminal("-c", STALLED_MIRROR)
    terminal.wait_for("Digite o seu nome: ")
    doorkeeper.turn_out()
    terminal.press("Ana\n")
    terminal.wait_for("recusa este usuário ou senha.")
    assert terminal.exit_status(lambda: None) == EXIT_CONFIG
    terminal.close()


def test_a_wrong_setting_exits_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker")
    result = run_with_input("Ana\n")
    assert result.returncode == 78
    (line,) = result.stderr.splitlines()
    assert "KAFKA_BOOTSTRAP_SERVERS" in line
