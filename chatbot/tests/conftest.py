"""The application around fakes: a log in memory stands for the broker and the mirror."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from bus import Cause, Event
from bus.conversation import (
    ChatExchanged,
    ConversationChanged,
    HandoffRaised,
    HumanReplied,
    SentimentClassified,
)
from bus.producer import NotPublished, Outgoing, Place
from chatbot.app import make_app
from chatbot.conversations import Conversations
from chatbot.entry import Entry
from chatbot.parts import Parts
from web import Hub, Web, limiter

TOKEN = "segredo-de-teste"
PROBABILITIES = {"negative": 0.05, "neutral": 0.05, "positive": 0.05}


@dataclass
class Record:
    """A record as a consumer gets it."""

    topic: str
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int
    offset: int
    partition: int = 0
    key: bytes | None = None


class Log:
    """Makes records, each a second after the one before, unless the test says when."""

    def __init__(self) -> None:
        self.start = int(time.time() * 1000) - 3_600_000
        self._offsets = itertools.count()
        self._ticks = itertools.count()

    def record(self, topic: str, event: Event, cause: str | None = None, at: float | None = None) -> Record:
        """`at`: seconds since the start of this log."""
        outgoing = Outgoing.of(topic, event.encoded(), "test", Cause(cause) if cause else None)
        return self.raw(topic, outgoing.value, outgoing.headers, at)

    def raw(
        self, topic: str, value: bytes | None, headers: Iterable[tuple[str, bytes]] = (), at: float | None = None
    ) -> Record:
        at = next(self._ticks) if at is None else at
        return Record(topic, value, list(headers), self.start + int(at * 1000), next(self._offsets))


class Talk:
    """The records of one conversation, made by what happens in it. Calls return the record."""

    def __init__(self, log: Log, sessao: str = "s1"):
        self.log, self.sessao = log, sessao

    def opened(self, nome: str = "Ana", **options: Any) -> Record:
        event = ConversationChanged(sessao=self.sessao, evento="aberta", nome=nome, timestamp=1.0)
        return self.log.record("conversation", event, **options)

    def said(self, pergunta: str, resposta: str = "Sei.", **options: Any) -> Record:
        event = ChatExchanged(sessao=self.sessao, nome="Ana", pergunta=pergunta, resposta=resposta)
        return self.log.record("chatbot", event, **options)

    def felt(self, message: Record | str, sentimento: str = "negative", sure: float = 0.9, **options: Any) -> Record:
        cause = id_of(message) if isinstance(message, Record) else None
        text = message if isinstance(message, str) else ""
        event = SentimentClassified(
            sessao=self.sessao, nome="Ana", pergunta=text, sentimento=sentimento, confianca=sure,
            probabilidades=PROBABILITIES | {sentimento: sure},
        )  # fmt: skip
        return self.log.record("sentiment", event, cause=cause, **options)

    def raised(self, message: Record, **options: Any) -> Record:
        event = HandoffRaised(
            sessao=self.sessao, nome="Ana", pergunta="?", confianca=0.9, timestamp=message.timestamp / 1000
        )
        return self.log.record("handoff", event, cause=id_of(message), **options)

    def changed(self, evento: str, atendente: str, **options: Any) -> Record:
        event = ConversationChanged(sessao=self.sessao, evento=evento, atendente=atendente, timestamp=1.0)
        return self.log.record("conversation", event, **options)

    def replied(self, atendente: str, mensagem: str, **options: Any) -> Record:
        event = HumanReplied(sessao=self.sessao, atendente=atendente, mensagem=mensagem)
        return self.log.record("chat-reply", event, **options)


def id_of(record: Record) -> str:
    return Cause.of(record.topic, record.partition, record.offset, record.headers).id


@pytest.fixture
def talk() -> Talk:
    return Talk(Log())


@pytest.fixture
def make_talk() -> Callable[..., Talk]:
    """Talks of one log: `make_talk("session")`."""
    log = Log()
    return lambda sessao: Talk(log, sessao)


@pytest.fixture(name="id_of")
def _id_of() -> Callable[[Record], str]:
    return id_of


class FakeBroker:
    """Takes what is published, and lets the application hear it at once, or later, where `held` says so."""

    def __init__(self, conversations: Conversations):
        self.conversations = conversations
        self.published: list[Outgoing] = []
        self.away = False
        self.deaf = False
        """Whether it takes records and the application does not hear them, until the mirror catches up."""
        self.caught_up = threading.Event()
        self.caught_up.set()
        self.unheard: list[Record] = []
        """What other programs have published, and is heard when the mirror catches up."""
        self.before: list[Record] = []
        """What comes into the log just before the next record that is published."""
        self._offset = itertools.count()

    # as Producer
    def publish(self, records: Iterable[Outgoing]) -> list[Place]:
        if self.away:
            raise NotPublished("away")
        places = []
        while self.before:
            self.hear(self.before.pop(0))
        for outgoing in records:
            self.published.append(outgoing)
            offset = next(self._offset)
            assert outgoing.timestamp_ms
            record = Record(outgoing.topic, outgoing.value, outgoing.headers, outgoing.timestamp_ms, offset)
            (self.unheard.append if self.deaf else self.hear)(record)
            places.append(Place(outgoing.topic, 0, offset))
        return places

    # as Mirror
    def passed(self, _places: Iterable[Place], _seconds: float) -> bool:
        return not (self.away or self.deaf)

    def catch_up(self, _seconds: float) -> bool:
        while self.unheard:
            self.hear(self.unheard.pop(0))
        return not self.away

    # as ClusterView
    def problem(self) -> str | None:
        return "no broker answers" if self.away else None

    def members(self) -> dict[str, int]:
        return {"sentiment-consumer": 1}

    def hear(self, record: Record) -> None:
        self.conversations.heard(record.topic, record)


@dataclass
class Bench:
    """The application, what it stands on, and shorthands for asking it."""

    app: Web
    broker: FakeBroker
    conversations: Conversations
    hub: Hub
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client: Any = self.app.test_client()

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.client.post(f"/chat/{path}", **({"json": body} if body is not None else {}), **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(f"/chat/{path}", **options)

    def begin(self, nome: str = "Ana") -> str:
        answer = self.post("api/sessions", {"nome": nome})
        assert answer.status_code == 201, answer.data
        return str(answer.get_json()["sessao"])

    def say(self, sessao: str, pergunta: str) -> Any:
        return self.post(f"api/sessions/{sessao}/messages", {"pergunta": pergunta})

    def attend(self, sessao: str, what: str, **body: str) -> Any:
        path = f"api/attendant/sessions/{sessao}/{what}"
        return self.post(path, body, headers={"Authorization": f"Bearer {TOKEN}"})

    def queue(self) -> list[dict[str, Any]]:
        answer = self.get("api/attendant/sessions", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200, answer.data
        rows: list[dict[str, Any]] = answer.get_json()["sessions"]
        return rows


@pytest.fixture
def bench() -> Bench:
    conversations, hub = Conversations(), Hub()
    broker: Any = FakeBroker(conversations)
    parts = Parts(conversations, broker, broker, broker, hub, Entry(TOKEN))
    bench = Bench(make_app(parts), broker, conversations, hub)
    limiter.reset()
    return bench


@pytest.fixture
def new_session() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


@pytest.fixture(scope="session")
def kit() -> Any:
    """What tests of the fold and of the API share, as attributes."""
    return SimpleNamespace(Record=Record, Log=Log, Talk=Talk, id_of=id_of)
