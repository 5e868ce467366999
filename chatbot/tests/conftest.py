"""The application around fakes: a log in memory replaces the broker and the mirror."""

import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from bus.producer import NotPublished, Outgoing, Position
from chatbot.app import make_app
from chatbot.backend import Backend
from chatbot.conversations import Conversations
from events import Cause, Event
from events.conversation import (
    ChatExchanged,
    ConversationChanged,
    HandoffRaised,
    HumanReplied,
    SentimentClassified,
)
from web import Hub, WebApp, limiter
from web.attendant_auth import AttendantAuth

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


class FakeLog:
    """Creates records, by default each one second after the previous one."""

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


class ConversationRecords:
    """Creates the records of one conversation; each method returns one."""

    def __init__(self, log: FakeLog, sessao: str = "s1"):
        self.log, self.sessao = log, sessao

    def opened(self, nome: str = "Ana", **options: Any) -> Record:
        event = ConversationChanged(sessao=self.sessao, evento="aberta", nome=nome, timestamp=1.0)
        return self.log.record("conversation", event, **options)

    def said(self, pergunta: str, resposta: str = "Sei.", **options: Any) -> Record:
        event = ChatExchanged(sessao=self.sessao, nome="Ana", pergunta=pergunta, resposta=resposta)
        return self.log.record("chatbot", event, **options)

    def classified(
        self, message: Record | str, sentimento: str = "negative", confianca: float = 0.9, **options: Any
    ) -> Record:
        cause = id_of(message) if isinstance(message, Record) else None
        text = message if isinstance(message, str) else ""
        event = SentimentClassified(
            sessao=self.sessao, nome="Ana", pergunta=text, sentimento=sentimento, confianca=confianca,
            probabilidades=PROBABILITIES | {sentimento: confianca},
        )  # fmt: skip
        return self.log.record("sentiment", event, cause=cause, **options)

    def raised(self, message: Record, **options: Any) -> Record:
        event = HandoffRaised(
            sessao=self.sessao, nome="Ana", pergunta="?", confianca=0.9, timestamp=message.timestamp / 1000
        )
        return self.log.record("handoff", event, cause=id_of(message), **options)

    def person_wanted(self, message: Record, **options: Any) -> Record:
        event = ChatExchanged.decode(message.value, message.timestamp / 1000).person_wanted()
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
def conversation() -> ConversationRecords:
    return ConversationRecords(FakeLog())


@pytest.fixture
def make_conversation() -> Callable[..., ConversationRecords]:
    """Makes the conversation with a given session id; all of them share one log."""
    log = FakeLog()
    return lambda sessao: ConversationRecords(log, sessao)


@pytest.fixture(name="id_of")
def _id_of() -> Callable[[Record], str]:
    return id_of


class FakeBroker:
    """Producer, mirror and cluster view in one: the application reads a published record at once."""

    def __init__(self, conversations: Conversations):
        self.conversations = conversations
        self.published: list[Outgoing] = []
        self.is_unavailable = False
        self.refuses: set[str] = set()
        """The topics whose records are refused."""
        self.mirror_is_stalled = False
        """Whether published records reach the application only when the mirror catches up."""
        self.caught_up = threading.Event()
        self.caught_up.set()
        self.unread: list[Record] = []
        """Records that reach the application when the mirror catches up."""
        self.concurrent: list[Record] = []
        """Records of others that enter the log just before the next published record."""
        self._offset = itertools.count()

    # as Producer
    def publish(self, records: Iterable[Outgoing]) -> list[Position]:
        records = list(records)
        if self.is_unavailable or any(one.topic in self.refuses for one in records):
            raise NotPublished("unavailable")
        places = []
        while self.concurrent:
            self.deliver(self.concurrent.pop(0))
        for outgoing in records:
            self.published.append(outgoing)
            offset = next(self._offset)
            assert outgoing.timestamp_ms
            record = Record(outgoing.topic, outgoing.value, outgoing.headers, outgoing.timestamp_ms, offset)
            (self.unread.append if self.mirror_is_stalled else self.deliver)(record)
            places.append(Position(outgoing.topic, 0, offset))
        return places

    # as Mirror
    def passed(self, _places: Iterable[Position], _seconds: float) -> bool:
        return not (self.is_unavailable or self.mirror_is_stalled)

    def catch_up(self, _seconds: float) -> bool:
        while self.unread:
            self.deliver(self.unread.pop(0))
        return not self.is_unavailable

    # as ClusterView
    def problem(self) -> str | None:
        return "no broker responds" if self.is_unavailable else None

    def members(self) -> dict[str, int]:
        return {"sentiment-consumer": 1}

    def deliver(self, record: Record) -> None:
        self.conversations.add_record(record.topic, record)


@dataclass
class Harness:
    """The application under test, its fakes, and shorthands for requests."""

    app: WebApp
    broker: FakeBroker
    conversations: Conversations
    hub: Hub

    def __post_init__(self) -> None:
        self.client: Any = self.app.test_client()

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.client.post(f"/chat/{path}", **({"json": body} if body is not None else {}), **options)

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(f"/chat/{path}", **options)

    def begin(self, nome: str = "Ana") -> str:
        response = self.post("api/sessions", {"nome": nome})
        assert response.status_code == 201, response.data
        return str(response.get_json()["sessao"])

    def say(self, sessao: str, pergunta: str) -> Any:
        return self.post(f"api/sessions/{sessao}/messages", {"pergunta": pergunta})

    def attend(self, sessao: str, action: str, **body: str) -> Any:
        path = f"api/attendant/sessions/{sessao}/{action}"
        return self.post(path, body, headers={"Authorization": f"Bearer {TOKEN}"})

    def queue(self) -> list[dict[str, Any]]:
        response = self.get("api/attendant/sessions", headers={"Authorization": f"Bearer {TOKEN}"})
        assert response.status_code == 200, response.data
        rows: list[dict[str, Any]] = response.get_json()["sessions"]
        return rows


@pytest.fixture
def harness() -> Harness:
    conversations, hub = Conversations(), Hub()
    broker: Any = FakeBroker(conversations)
    backend = Backend(conversations, broker, broker, broker, hub, AttendantAuth(TOKEN, "/chat"))
    harness = Harness(make_app(backend), broker, conversations, hub)
    limiter.reset()
    return harness


@pytest.fixture
def new_session() -> str:
    return str(uuid.uuid4())


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN
