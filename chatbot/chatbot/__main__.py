"""The chat on the command line: `python -m chatbot`, with the broker at KAFKA_BOOTSTRAP_SERVERS."""

import contextlib
import logging
import signal
import sys
import threading
import time
import uuid

import structlog
from bus import KafkaSettings
from bus.kafka_cluster import KafkaCluster
from bus.kafka_fixes import watch_logins
from bus.mirror import Mirror
from bus.producer import NotPublished, Outgoing, Producer
from events.catalogue import CONVERSATION_TOPICS
from events.conversation import ChatExchanged, ConversationChanged
from events.event import Cause
from service import EXIT_CONFIG

from . import bot
from .conversations import MAX_TEXT_CHARACTERS, ROBOT, Conversations, PageEvent, without_controls

with contextlib.suppress(ImportError):
    import readline  # line editing; it also lets the chat redraw a half-typed line

SERVICE = "chatbot"
BROKER_TIMEOUT_SECONDS = 10.0


class BrokerUnavailable(Exception):
    """The broker did not respond within BROKER_TIMEOUT_SECONDS."""


class TerminalChat:
    """One conversation in a terminal."""

    def __init__(self, kafka: KafkaSettings):
        self.sessao = str(uuid.uuid4())
        self.nome = ""
        self.exit_status = 0
        self._thread = threading.get_ident()
        self._producer = Producer(kafka, timeout=BROKER_TIMEOUT_SECONDS)
        self._conversations = Conversations(self._on_events)
        self._mirror = Mirror(KafkaCluster(kafka), CONVERSATION_TOPICS, self._conversations.add_record, end=self._abort)
        self._is_typing = threading.Event()
        self._attendant: str | None = None
        self._called_by_reply = False
        """Whether the last reply says that a person is called: then that need not be said twice."""

    def run(self) -> None:
        """Chat until the input ends. Raises BrokerUnavailable."""
        self._mirror.start()
        if not self._mirror.caught_up.wait(BROKER_TIMEOUT_SECONDS):
            raise BrokerUnavailable
        print(f"Sessão de chat iniciada: {self.sessao}", flush=True)
        self.nome = self._ask("Digite o seu nome: ")
        now = time.time()
        opened = ConversationChanged(sessao=self.sessao, evento="aberta", nome=self.nome, timestamp=now)
        self._publish([Outgoing.of("conversation", opened.encoded(), SERVICE, at=now)])
        while True:
            self._send(self._ask(self._prompt))

    def close(self) -> None:
        self._mirror.stop()
        self._producer.close(timeout=2)

    def _abort(self, status: int) -> None:
        """The mirror failed. Only a signal interrupts `input`, which then restores the terminal."""
        self.exit_status = status
        signal.pthread_kill(self._thread, signal.SIGINT)

    @property
    def _prompt(self) -> str:
        return f"{self.nome}: "

    def _ask(self, prompt: str) -> str:
        """Prompt until the user types a message that can be sent."""
        while True:
            self._is_typing.set()
            try:
                text = without_controls(input(prompt)).strip()
            finally:
                self._is_typing.clear()
            if len(text) > MAX_TEXT_CHARACTERS:
                print(f"A mensagem é longa demais: no máximo {MAX_TEXT_CHARACTERS} caracteres.", flush=True)
            elif text:
                return text

    def _send(self, pergunta: str) -> None:
        resposta = bot.reply(pergunta, self._conversations.state(self.sessao).estado)
        at = self._conversations.next_timestamp(self.sessao)
        said = ChatExchanged(sessao=self.sessao, nome=self.nome, pergunta=pergunta, resposta=resposta, timestamp=at)
        records = [Outgoing.of("chatbot", said.encoded(), SERVICE, at=at)]
        self._called_by_reply = bot.calls_person(resposta)
        if self._called_by_reply:
            cause = Cause.of("chatbot", 0, 0, records[0].headers)
            records.append(Outgoing.of("handoff", said.person_wanted().encoded(), SERVICE, cause, at))
        self._publish(records)
        if resposta:
            print(f"{ROBOT}: {resposta}", flush=True)

    def _publish(self, records: list[Outgoing]) -> None:
        try:
            places = self._producer.publish(records)
        except NotPublished:
            raise BrokerUnavailable from None
        self._mirror.passed(places, BROKER_TIMEOUT_SECONDS)

    def _on_events(self, sessao: str, events: list[PageEvent]) -> None:
        """Show what an attendant does. The user's own messages are on the screen already."""
        if sessao != self.sessao:
            return
        for name, data in events:
            if name == "message" and data["de"] == "atendente":
                self._show(f"{data['nome']}: {data['texto']}")
            elif name == "state":
                before, self._attendant = self._attendant, data["atendente"]
                if self._attendant:
                    self._show(f"{self._attendant} entrou na conversa.")
                elif before:
                    self._show(f"{before} saiu da conversa.")
                elif data["estado"] == "waiting" and not self._called_by_reply:
                    self._show("Uma pessoa foi chamada e logo estará aqui.")

    def _show(self, line: str) -> None:
        line = without_controls(line)
        if not (self._is_typing.is_set() and sys.stdin.isatty() and sys.stdout.isatty()):
            print(line, flush=True)
            return
        typed = readline.get_line_buffer() if "readline" in globals() else ""
        print(f"\r\033[K{line}\n{self._prompt}{typed}", end="", flush=True)


def main() -> int:
    # Keep log lines off the screen, but let handlers such as that of `watched` see them.
    library = logging.getLogger("kafka")
    library.addHandler(logging.NullHandler())
    library.propagate = False
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    kafka = KafkaSettings.load()
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    chat = TerminalChat(kafka)
    with watch_logins() as logins:
        try:
            chat.run()
        except (EOFError, KeyboardInterrupt):
            if not chat.exit_status:
                print()
        except BrokerUnavailable:
            where = kafka.kafka_bootstrap_servers
            if logins.refused:
                chat.exit_status, line = EXIT_CONFIG, f"O Kafka em {where} recusa este usuário ou senha."
            else:
                chat.exit_status, line = 1, f"O Kafka não responde em {where}: inicie antes a suíte (make run)."
            print(line, file=sys.stderr, flush=True)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends already; a second Ctrl-C would leave a traceback
            chat.close()
    return chat.exit_status


if __name__ == "__main__":
    sys.exit(main())
