"""What the topics say of each conversation, folded in memory. Pure: records in, state and events for pages out."""

import bisect
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from bus import Event, Undecodable
from bus.conversation import (
    ChatExchanged,
    Conversation,
    HandoffRaised,
    HumanReplied,
    SentimentClassified,
    place,
)
from bus.events import Cause, decoded
from bus.topics import TOPICS

TOPICS_OF_A_CONVERSATION = ("chatbot", "sentiment", "handoff", "conversation", "chat-reply")

MOST_RECORDS = 500
"""Of one conversation: some 150 messages with what was said of them, more than anyone scrolls back."""
MOST_BYTES = 100_000_000
"""Of all conversations, as `Entry.weight` reckons: less than half of what the container has."""
LONGEST_TEXT = 4_000
"""Characters of a message that are kept: what the API takes. Other programs may send a megabyte."""
NEWEST_SENTIMENTS = 50
RECENT = 3
"""Messages that say how someone feels now."""
FURY_SECONDS = 300.0
"""Someone furious comes before someone calm who has waited so much longer."""
LONGEST_QUEUE = 300
FARTHEST_AHEAD_MS = 60_000
"""More than clocks of a cluster differ; other programs may give a record any time."""
CLOSED_FOR = 12 * 3600.0
"""Seconds that the attendants see a closed conversation: a working day."""

ROBOT = "Robô"

PageEvent = tuple[str, dict[str, Any]]
"""An event of a stream: its name and its data."""


class Entry(NamedTuple):
    """A record of a conversation. `place` comes first, so entries sort by it."""

    place: tuple[int, str, int, int]
    id: str
    cause: str | None
    event: Event

    @property
    def seconds(self) -> float:
        return self.place[0] / 1000

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes, with what is made of it."""
        return 2_000 + 4 * sum(len(value) for value in self.event.__dict__.values() if isinstance(value, str))


@dataclass
class Session:
    """One conversation: its records in order, and what they fold to."""

    entries: list[Entry] = field(default_factory=list)
    base: Conversation = field(default_factory=Conversation)
    """How it stood before the oldest of `entries`."""
    base_reason: HandoffRaised | None = None
    clock: dict[tuple[str, int], int] = field(default_factory=dict)
    """The latest time of a record, by topic and partition."""
    ids: set[tuple[str, str]] = field(default_factory=set)
    state: Conversation = field(default_factory=Conversation)
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    sentiments: dict[str, dict[str, Any]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    """The ids of the records that changed something."""
    reason: HandoffRaised | None = None
    told: tuple[str, str | None] | None = None
    """The state that pages know; None until there is one to tell them."""
    weight: int = 0
    stale: bool = False
    """Whether something has come between the records that are folded."""

    def add(self, record: Any, topic: str, event: Event, live: bool = True) -> list[PageEvent]:
        """Take in a record; returns what is new for pages. One that came before changes nothing.

        Unless `live`, nothing is folded or dropped before it is asked for: at a start, topic after topic, nearly all is
        late, and what is older than all that is held may still say who has the conversation.
        """
        headers = decoded(record.headers)
        id = Cause.of(topic, record.partition, record.offset, record.headers).id
        if (topic, id) in self.ids:
            return []
        # Clocks differ, the log does not: within a partition no record is earlier than the one before it.
        at, _, partition, offset = place(record)
        at = self.clock[topic, partition] = max(at, self.clock.get((topic, partition), 0))
        entry = Entry((at, topic, partition, offset), id, headers.get("ce_causationid"), event)
        if live:
            self.fresh()
        late = bool(self.entries) and entry.place < self.entries[-1].place
        if live and late and len(self.entries) == MOST_RECORDS and entry.place < self.entries[0].place:
            return []
        self.ids.add((topic, id))
        self.weight += entry.weight
        bisect.insort(self.entries, entry, key=lambda one: one.place)
        self.stale = self.stale or late
        if not live:
            if not self.stale:
                self._fold(entry)
            return []
        if late:
            before = {(name, data["id"]): data for name, data in self.events()}
            self.fresh()
            return [(name, data) for name, data in self.events() if before.get((name, data["id"])) != data]
        news = self._fold(entry)
        self.fresh()
        return news

    def events(self) -> Iterator[PageEvent]:
        """Messages and sentiments so far."""
        for id, message in self.messages.items():
            yield "message", message
            if id in self.sentiments:
                yield _told(self.sentiments[id])

    def feelings(self) -> list[dict[str, Any]]:
        """What is known of the customer's messages, in their order."""
        return [self.sentiments[id] for id in self.messages if id in self.sentiments]

    def anger(self) -> float:
        """How the last messages sound, from 0 (well) to 1 (furious)."""
        recent = [feeling["score"] for feeling in self.feelings()[-RECENT:]]
        return max(0.0, -fmean(recent)) if recent else 0.0

    @property
    def last_at(self) -> float:
        return self.entries[-1].seconds

    def state_event(self, now: float) -> PageEvent:
        state = self.state.at(now)
        return "state", {"estado": state.estado, "atendente": state.atendente}

    def changed(self, now: float) -> list[PageEvent]:
        """The state, where it is another than pages know; they begin with what it is when this is first asked."""
        state = self.state.at(now)
        known, self.told = self.told, (state.estado, state.atendente)
        return [] if known in (None, self.told) else [self.state_event(now)]

    def fresh(self) -> "Session":
        """This session, all of its records folded and none too many."""
        if self.stale:
            self._refold()
            self.stale = False
        if len(self.entries) > MOST_RECORDS:
            self._shorten()
        return self

    def _refold(self) -> None:
        self.state, self.reason = self.base, self.base_reason
        self.messages, self.sentiments, self.counted = {}, {}, set()
        for entry in self.entries:
            self._fold(entry)

    def _shorten(self) -> None:
        oldest, self.entries = self.entries[:-MOST_RECORDS], self.entries[-MOST_RECORDS:]
        for entry in oldest:
            self.weight -= entry.weight
            self.base = self.base.after(entry.event, entry.seconds)
            if isinstance(entry.event, HandoffRaised) and entry.id in self.counted:
                self.base_reason = entry.event
            self.ids.discard((entry.place[1], entry.id))
            self.counted.discard(entry.id)
            for id in (entry.id, f"{entry.id}/resposta"):
                self.messages.pop(id, None)
                self.sentiments.pop(id, None)

    def _fold(self, entry: Entry) -> list[PageEvent]:
        """Take the newest record in; returns what is new for pages."""
        event, at = entry.event, entry.seconds
        before = self.state.at(at)
        self.state = before.after(event, at)
        if self.state is not before:
            self.counted.add(entry.id)
        match event:
            case ChatExchanged():
                said = [self._say(entry.id, "cliente", event.nome, event.pergunta, at)]
                if event.resposta:
                    said.append(self._say(f"{entry.id}/resposta", "robo", ROBOT, event.resposta, at))
                return said
            case HumanReplied() if entry.id in self.counted:
                return [self._say(entry.id, "atendente", event.atendente, event.mensagem, at)]
            case HandoffRaised() if entry.id in self.counted:
                self.reason = event
            case SentimentClassified():
                return self._feel(event, entry.cause)
        return []

    def _say(self, id: str, who: str, name: str, text: str, at: float) -> PageEvent:
        self.messages[id] = {"id": id, "de": who, "nome": name, "texto": text, "timestamp": at}
        return "message", self.messages[id]

    def _feel(self, event: SentimentClassified, cause: str | None) -> list[PageEvent]:
        """Its cause is the message; of another program's without cause, it is the latest that says the same."""
        alike = (
            message["id"]
            for message in reversed(self.messages.values())
            if message["de"] == "cliente" and message["texto"] == event.pergunta
        )
        id = cause or next(alike, None)
        if id not in self.messages:
            return []
        likely = event.probabilidades
        self.sentiments[id] = {
            "id": id,
            "sentimento": event.sentimento,
            "confianca": event.confianca,
            "score": round(likely.get("positive", 0.0) - likely.get("negative", 0.0), 4),
            "timestamp": self.messages[id]["timestamp"],
        }
        return [_told(self.sentiments[id])]


class Conversations:
    """All conversations that the topics tell of. Safe to share between threads."""

    def __init__(
        self,
        tell: Callable[[str, list[PageEvent]], None] = lambda _sessao, _news: None,
        live: Callable[[], bool] = lambda: True,
    ):
        """`tell`: called for each record with its session and what is new there, in the order of hearing.

        `live`: whether anybody wants to know yet.
        """
        self._tell = tell
        self._live = live
        self._sessions: dict[str, Session] = {}
        self._weight = 0
        self._lock = threading.RLock()

    def heard(self, topic: str, record: Any) -> None:
        """Take in a record; one that cannot be understood says nothing."""
        try:
            event: Any = _shortened(TOPICS[topic].event.decode(record.value, record.timestamp / 1000))
        except Undecodable:
            return  # who reads it as a consumer makes a dead letter of it
        with self._lock:
            session = self._sessions.setdefault(event.sessao, Session())
            before, live = session.weight, self._live()
            if live and session.told is None:
                session.fresh().changed(time.time())
            news = session.add(record, topic, event, live)
            self._weight += session.weight - before
            if live:
                self._tell(event.sessao, news + session.changed(time.time()))
            if self._weight > MOST_BYTES:
                self._make_room()

    def known(self, sessao: str) -> bool:
        return sessao in self._sessions

    def state(self, sessao: str) -> Conversation:
        """How it stands now; an unknown one stands as one that begins."""
        with self._lock:
            session = self._sessions.get(sessao)
            return self._fresh(session).state.at(time.time()) if session else Conversation()

    def moment(self, sessao: str) -> float:
        """The time of what is published next: after all that is known of the conversation, even where clocks differ."""
        now = int(time.time() * 1000)
        with self._lock:
            session = self._sessions.get(sessao)
            last = session.entries[-1].place[0] if session else 0
        return max(now, min(last + 1, now + FARTHEST_AHEAD_MS)) / 1000

    def event(self, topic: str, sessao: str, id: str) -> Any:
        """What the record with that id says; None where there is none, or none any more."""
        with self._lock:
            entries = reversed(self._sessions.get(sessao, Session()).entries)
            return next((entry.event for entry in entries if (entry.place[1], entry.id) == (topic, id)), None)

    def counted(self, sessao: str, id: str) -> bool:
        """Whether the record with that id has changed something, rather than come too late."""
        with self._lock:
            return sessao in self._sessions and id in self._fresh(self._sessions[sessao]).counted

    def events(self, sessao: str) -> list[PageEvent]:
        """The whole conversation, its state last."""
        with self._lock:
            session = self._fresh(self._sessions.get(sessao, Session()))
            return [*session.events(), session.state_event(time.time())]

    def summary(self, sessao: str) -> dict[str, Any]:
        """A known conversation as the attendants see it."""
        with self._lock:
            return _summary(sessao, self._fresh(self._sessions[sessao]), time.time())

    def queue(self) -> list[dict[str, Any]]:
        """The conversations that concern attendants, most urgent first."""
        now = time.time()
        with self._lock:
            shown = [one for one in self._sessions.items() if not _is_over(self._fresh(one[1]), now)]
            shown.sort(key=lambda one: (urgency(one[1], now), one[1].state.last_at), reverse=True)
            return [_summary(sessao, session, now) for sessao, session in shown[:LONGEST_QUEUE]]

    def tick(self, forget_before: float) -> None:
        """Tell what time alone has changed, and forget what had its last record before that time; once it is live."""
        if not self._live():
            return
        now = time.time()
        with self._lock:
            for sessao, session in list(self._sessions.items()):
                if session.last_at < forget_before:
                    self._drop(sessao)
                elif news := self._fresh(session).changed(now):
                    self._tell(sessao, news)

    def _fresh(self, session: Session) -> Session:
        before = session.weight
        session.fresh()
        self._weight += session.weight - before
        return session

    def _make_room(self) -> None:
        """Shorten what was read at length at a start; if that is not enough, forget a tenth of the conversations.

        The oldest go first, but those that wait for a human or have one go last.
        """
        for session in self._sessions.values():
            self._fresh(session)
        if self._weight < 0.9 * MOST_BYTES:
            return
        now = time.time()

        def worth(sessao: str) -> tuple[bool, float]:
            session = self._sessions[sessao]
            return session.state.at(now).estado in ("waiting", "human"), session.last_at

        for sessao in sorted(self._sessions, key=worth)[: len(self._sessions) // 10 + 1]:
            self._drop(sessao)

    def _drop(self, sessao: str) -> None:
        self._weight -= self._sessions.pop(sessao).weight


def visible(text: str) -> str:
    """The text without characters that no page can show, and that would steer a terminal."""
    return "".join(one for one in text if one in "\t\n" or unicodedata.category(one) not in ("Cc", "Cs"))


def urgency(session: Session, now: float) -> float:
    """The greater, the more urgent; it does not depend on when it is reckoned, so numbers of any time compare.

    Who waits comes first, the longest first, a furious one as if a few minutes longer; then those whom a human has;
    then those with the bot, by how they feel.
    """
    state = session.state.at(now)
    if state.estado == "waiting":
        return 3e10 - (state.waiting_since or now) + FURY_SECONDS * session.anger()
    if state.estado == "human":
        return 2e10 - state.last_at
    return 1 + session.anger() if state.estado == "bot" else 0.0


def _is_over(session: Session, now: float) -> bool:
    state = session.state.at(now)
    return state.estado == "closed" and now - state.last_at > CLOSED_FOR


def _summary(sessao: str, session: Session, now: float) -> dict[str, Any]:
    state = session.state.at(now)
    said = [message for message in session.messages.values() if message["de"] == "cliente"]
    reason = session.reason if state.estado in ("waiting", "human") else None
    return {
        "sessao": sessao,
        "nome": state.nome,
        "estado": state.estado,
        "atendente": state.atendente,
        "waiting_since": state.waiting_since,
        "last_at": state.last_at,
        "last_message": said[-1]["texto"] if said else None,
        "reason": reason.model_dump(include={"pergunta", "confianca", "timestamp"}) if reason else None,
        "sentiments": session.feelings()[-NEWEST_SENTIMENTS:],
        "urgency": urgency(session, now),
    }


def _shortened(event: Event) -> Event:
    long = {
        name: f"{value[:LONGEST_TEXT]}…"
        for name, value in event.__dict__.items()
        if isinstance(value, str) and len(value) > LONGEST_TEXT
    }
    return event.model_copy(update=long) if long else event


def _told(sentiment: dict[str, Any]) -> PageEvent:
    return "sentiment", {name: sentiment[name] for name in ("id", "sentimento", "confianca")}
