"""The chat on the command line: `python -m chatbot`, beside a broker at KAFKA_BOOTSTRAP_SERVERS."""

import contextlib
import logging
import signal
import sys
import threading
import time
import uuid

import structlog
from bus import EXIT_CONFIG, Event, KafkaSettings
from bus.clients import watched
from bus.conversation import ChatExchanged, ConversationChanged
from bus.mirror import Mirror
from bus.producer import NotPublished, Outgoing, Producer

from . import bot
from .conversations import LONGEST_TEXT, ROBOT, TOPICS_OF_A_CONVERSATION, Conversations, PageEvent, visible

with contextlib.suppress(ImportError):
    import readline  # line editing; and what is half typed can be shown again

SERVICE = "chatbot"
PATIENCE = 10.0
"""Seconds in which the broker must have answered."""


class Away(Exception):
    """The broker does not answer."""


class Chat:
    """One conversation, typed."""

    def __init__(self, kafka: KafkaSettings):
        self.sessao = str(uuid.uuid4())
        self.nome = ""
        self.status = 0
        """With what the process is to end."""
        self._thread = threading.get_ident()
        self._producer = Producer(kafka, timeout=PATIENCE)
        self._conversations = Conversations(self._hear)
        self._mirror = Mirror(kafka, TOPICS_OF_A_CONVERSATION, self._conversations.heard, end=self._end)
        self._typing = threading.Event()
        self._attendant: str | None = None

    def run(self) -> None:
        """Until the input ends. Raises Away."""
        self._mirror.start()
        if not self._mirror.caught_up.wait(PATIENCE):
            raise Away
        print(f"Sessão de chat iniciada: {self.sessao}", flush=True)
        self.nome = self._ask("Digite o seu nome: ")
        now = time.time()
        self._publish(
            "conversation", ConversationChanged(sessao=self.sessao, evento="aberta", nome=self.nome, timestamp=now), now
        )
        while True:
            self._say(self._ask(self._prompt))

    def close(self) -> None:
        self._mirror.stop()
        self._producer.close(timeout=2)

    def _end(self, status: int) -> None:
        """The mirror cannot go on. Who waits for a key hears nothing but a signal, and leaves the terminal in order."""
        self.status = status
        signal.pthread_kill(self._thread, signal.SIGINT)

    @property
    def _prompt(self) -> str:
        return f"{self.nome}: "

    def _ask(self, prompt: str) -> str:
        """What is typed, asked for until there is something that can be sent."""
        while True:
            self._typing.set()
            try:
                text = visible(input(prompt)).strip()
            finally:
                self._typing.clear()
            if len(text) > LONGEST_TEXT:
                print(f"A mensagem é longa demais: no máximo {LONGEST_TEXT} caracteres.", flush=True)
            elif text:
                return text

    def _say(self, pergunta: str) -> None:
        resposta = bot.reply(pergunta, self._conversations.state(self.sessao).estado)
        at = self._conversations.moment(self.sessao)
        self._publish(
            "chatbot",
            ChatExchanged(sessao=self.sessao, nome=self.nome, pergunta=pergunta, resposta=resposta, timestamp=at),
            at,
        )
        if resposta:
            print(f"{ROBOT}: {resposta}", flush=True)

    def _publish(self, topic: str, event: Event, at: float) -> None:
        try:
            places = self._producer.publish([Outgoing.of(topic, event.encoded(), SERVICE, at=at)])
        except NotPublished:
            raise Away from None
        self._mirror.passed(places, PATIENCE)

    def _hear(self, sessao: str, news: list[PageEvent]) -> None:
        """Show what an attendant does; what was typed here is on the screen already."""
        if sessao != self.sessao:
            return
        for name, data in news:
            if name == "message" and data["de"] == "atendente":
                self._show(f"{data['nome']}: {data['texto']}")
            elif name == "state":
                before, self._attendant = self._attendant, data["atendente"]
                if self._attendant:
                    self._show(f"{self._attendant} entrou na conversa.")
                elif before:
                    self._show(f"{before} saiu da conversa.")
                elif data["estado"] == "waiting":
                    self._show("Uma pessoa foi chamada e logo estará aqui.")

    def _show(self, line: str) -> None:
        line = visible(line)
        if not (self._typing.is_set() and sys.stdin.isatty() and sys.stdout.isatty()):
            print(line, flush=True)
            return
        typed = readline.get_line_buffer() if "readline" in globals() else ""
        print(f"\r\033[K{line}\n{self._prompt}{typed}", end="", flush=True)


def main() -> int:
    # Whoever types wants to read the chat, not what the library tells of its connections; that is heard all the same.
    library = logging.getLogger("kafka")
    library.addHandler(logging.NullHandler())
    library.propagate = False
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    kafka = KafkaSettings.load()
    for stream in (sys.stdin, sys.stdout):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    chat = Chat(kafka)
    with watched() as logins:
        try:
            chat.run()
        except (EOFError, KeyboardInterrupt):
            if not chat.status:
                print()
        except Away:
            where = kafka.kafka_bootstrap_servers
            if logins.refused:
                chat.status, line = EXIT_CONFIG, f"O Kafka em {where} recusa este usuário ou senha."
            else:
                chat.status, line = 1, f"O Kafka não responde em {where}: inicie antes a suíte (make run)."
            print(line, file=sys.stderr, flush=True)
        finally:
            chat.close()
    return chat.status


if __name__ == "__main__":
    sys.exit(main())
