"""Folds the records of the conversation topics in memory, into states and events for pages. It does no I/O."""

import bisect
import heapq
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, NamedTuple

from bus.record import timestamp_seconds
from events import Event, Undecodable
from events.catalogue import TOPICS
from events.conversation import (
    ChatExchanged,
    Conversation,
    ConversationChanged,
    HandoffRaised,
    HumanReplied,
    SentimentClassified,
    place,
)
from events.event import Cause, decoded

from .shown import Call, Message, ScoredTone, Sender, State, Summary, Tone

MAX_RECORDS = 500
"""Per conversation: about 150 messages with their sentiments, more than anyone scrolls back."""
MIN_RECORDS = 4
"""Per conversation, where memory is short."""
MAX_BYTES = 100_000_000
"""Of all conversations, as estimated by `LogEntry.size_bytes`: less than half of the container's memory."""
MAX_TEXT_CHARACTERS = 4_000
"""Limit of a message in the API. Longer texts of other programs are truncated."""
MAX_SENTIMENTS = 50
RECENT_MESSAGES = 3
"""The number of messages that the current anger is computed from."""
ANGER_BONUS_SECONDS = 300.0
"""A furious customer comes before a calm one who has waited this much longer."""
MAX_QUEUE_LENGTH = 300
MAX_CLOCK_SKEW_MS = 60_000
"""More than clocks within a cluster differ. Other programs may give a record any timestamp."""
MAX_LEAD_MS = 600_000
"""A record whose timestamp is that far ahead of those after it in the log is from the future."""
KEEP_EVERY_SECONDS = 24 * 3600.0
"""How often it is repeated, in the log, who has a conversation, at most: records expire."""
CLOSED_VISIBLE_SECONDS = 12 * 3600.0
"""How long the attendants see a closed conversation: a working day."""

ROBOT = "Robô"

PageEvent = tuple[str, Any]
"""An event of an event stream: its name (`message`, `sentiment`, `state`) and its data, as shown.py has them."""


class LogEntry(NamedTuple):
    """A record of a conversation. `place` is the first field, so entries sort by it."""

    place: tuple[int, str, int, int]
    id: str
    cause: str | None
    event: Event

    @property
    def seconds(self) -> float:
        return self.place[0] / 1000

    @property
    def size_bytes(self) -> int:
        """The estimated memory use of the entry and of what is derived from it."""
        return 2_000 + 4 * sum(len(value) for value in self.event.__dict__.values() if isinstance(value, str))


@dataclass
class Session:
    """One conversation: its newest records in order, and what they fold to."""

    entries: list[LogEntry] = field(default_factory=list)
    base: Conversation = field(default_factory=Conversation)
    """The state before the oldest of `entries`."""
    base_reason: HandoffRaised | None = None
    clock: dict[tuple[str, int], int] = field(default_factory=dict)
    """The latest record timestamp (ms), by topic and partition."""
    is_trimmed: bool = False
    """Whether entries have gone into `base`."""
    kept_at: float = 0.0
    """When it was last repeated in the log who has it."""
    ids: set[tuple[str, str]] = field(default_factory=set)
    state: Conversation = field(default_factory=Conversation)
    messages: dict[str, Message] = field(default_factory=dict)
    sentiments: dict[str, ScoredTone] = field(default_factory=dict)
    accepted: set[str] = field(default_factory=set)
    """The ids of the records that changed the state."""
    reason: HandoffRaised | None = None
    announced: tuple[str, str | None] | None = None
    """The state and the attendant that pages know; None before the first announcement."""
    size_bytes: int = 0
    is_stale: bool = False
    """Whether a record arrived out of order, so that all entries have to be folded again."""

    def add(self, record: Any, topic: str, event: Event, live: bool = True) -> list[PageEvent]:
        """Add a record, and return the events that it causes on pages. Duplicates are ignored.

        Unless `live`, entries are folded and trimmed only on demand: at startup the topics are read one after the
        other, so most records are out of order, and one older than all others may decide who has the conversation.
        """
        headers = decoded(record.headers)
        id = Cause.of(topic, record.partition, record.offset, record.headers).id
        if (topic, id) in self.ids:
            return []
        _, _, partition, offset = place(record)
        at, moved = self._time_in_log(record, topic, live)
        entry = LogEntry((at, topic, partition, offset), id, headers.get("ce_causationid"), event)
        if live and not moved:
            self.refresh()
        late = moved or (bool(self.entries) and entry.place < self.entries[-1].place)
        if live and late and self.is_trimmed and entry.place < self.entries[0].place:
            return []
        if isinstance(event, ConversationChanged) and event.evento == "mantida":
            self.kept_at = max(self.kept_at, at / 1000)
        self.ids.add((topic, id))
        self.size_bytes += entry.size_bytes
        bisect.insort(self.entries, entry, key=lambda one: one.place)
        self.is_stale = self.is_stale or late
        if not live:
            if not self.is_stale:
                self._fold(entry)
            return []
        if late:
            before = {(name, data["id"]): data for name, data in self.events()}
            self.refresh()
            return [(name, data) for name, data in self.events() if before.get((name, data["id"])) != data]
        news = self._fold(entry)
        self.refresh()
        return news

    def _time_in_log(self, record: Any, topic: str, live: bool) -> tuple[int, bool]:
        """The timestamp (ms) that counts for a record, and whether earlier entries had to be moved for it.

        Clocks differ, the log does not: within a partition, timestamps do not decrease. So a clock that is behind is
        put right by the records before; one that is far ahead, by now and by the records after.
        """
        at, _, partition, _ = place(record)
        now = int(time.time() * 1000)
        if at > now + MAX_LEAD_MS:
            at = now
        clock, ahead = self.clock.get((topic, partition), 0), []
        if at < clock - MAX_LEAD_MS:
            ahead = self._ahead_of(at, topic, partition)
        if ahead:
            self.entries = [one for one in self.entries if one not in ahead]
            for one in ahead:
                bisect.insort(self.entries, one._replace(place=(at, *one.place[1:])), key=lambda other: other.place)
            self.is_stale, clock = True, at
        self.clock[topic, partition] = max(at, clock)
        return self.clock[topic, partition], bool(ahead)

    def _ahead_of(self, at: int, topic: str, partition: int) -> list[LogEntry]:
        """The last entries of a partition, if they leap ahead of those before them and of what follows at `at`."""
        own = [one for one in self.entries if one.place[1:3] == (topic, partition)]
        ahead = [one for one in own if one.place[0] > at + MAX_LEAD_MS]
        before = own[-len(ahead) - 1].place[0] if len(own) > len(ahead) else 0
        return ahead if ahead and ahead[0].place[0] - before > MAX_LEAD_MS else []

    def events(self) -> Iterator[PageEvent]:
        """All messages, each followed by its sentiment."""
        for id, message in self.messages.items():
            yield "message", message
            if id in self.sentiments:
                yield _sentiment_event(self.sentiments[id])

    def ordered_sentiments(self) -> list[ScoredTone]:
        """The sentiments, in the order of the messages."""
        return [self.sentiments[id] for id in self.messages if id in self.sentiments]

    def anger(self) -> float:
        """How angry the recent messages are, from 0 (not at all) to 1 (furious)."""
        recent = [sentiment["score"] for sentiment in self.ordered_sentiments()[-RECENT_MESSAGES:]]
        return max(0.0, -fmean(recent)) if recent else 0.0

    @property
    def last_at(self) -> float:
        return self.entries[-1].seconds

    def state_event(self, now: float) -> PageEvent:
        state = self.state.at(now)
        return "state", State(estado=state.estado, atendente=state.atendente)

    def announce_state(self, now: float) -> list[PageEvent]:
        """The state event, if the state has changed since the last call; the first call returns nothing."""
        state = self.state.at(now)
        before, self.announced = self.announced, (state.estado, state.atendente)
        return [] if before in (None, self.announced) else [self.state_event(now)]

    def refresh(self) -> "Session":
        """Fold all entries, trim them to MAX_RECORDS, and return this session."""
        if self.is_stale:
            self._refold()
            self.is_stale = False
        if len(self.entries) > MAX_RECORDS:
            self._trim(MAX_RECORDS)
        return self

    def shrink(self) -> None:
        """Let go of the older half of the entries, as far as MIN_RECORDS are left."""
        self.refresh()
        if len(self.entries) > MIN_RECORDS:
            self._trim(max(MIN_RECORDS, len(self.entries) // 2))

    def _refold(self) -> None:
        self.state, self.reason = self.base, self.base_reason
        self.messages, self.sentiments, self.accepted = {}, {}, set()
        for entry in self.entries:
            self._fold(entry)

    def _trim(self, keep: int) -> None:
        oldest, self.entries = self.entries[:-keep], self.entries[-keep:]
        self.is_trimmed = True
        for entry in oldest:
            self.size_bytes -= entry.size_bytes
            self.base = self.base.after(entry.event, entry.seconds)
            if isinstance(entry.event, HandoffRaised) and entry.id in self.accepted:
                self.base_reason = entry.event
            self.ids.discard((entry.place[1], entry.id))
            self.accepted.discard(entry.id)
            for id in (entry.id, f"{entry.id}/resposta"):
                self.messages.pop(id, None)
                self.sentiments.pop(id, None)

    def _fold(self, entry: LogEntry) -> list[PageEvent]:
        """Fold the newest entry, and return the events that it causes on pages."""
        event, at = entry.event, entry.seconds
        before = self.state.at(at)
        self.state = before.after(event, at)
        if self.state is not before:
            self.accepted.add(entry.id)
        match event:
            case ChatExchanged():
                messages = [self._add_message(entry.id, "cliente", event.nome, event.pergunta, at)]
                if event.resposta:
                    messages.append(self._add_message(f"{entry.id}/resposta", "robo", ROBOT, event.resposta, at))
                return messages
            case HumanReplied() if entry.id in self.accepted:
                return [self._add_message(entry.id, "atendente", event.atendente, event.mensagem, at)]
            case HandoffRaised() if entry.id in self.accepted:
                self.reason = event
            case SentimentClassified():
                return self._add_sentiment(event, entry.cause)
        return []

    def _add_message(self, id: str, sender: Sender, name: str, text: str, at: float) -> PageEvent:
        self.messages[id] = {"id": id, "de": sender, "nome": name, "texto": text, "timestamp": at}
        return "message", self.messages[id]

    def _add_sentiment(self, event: SentimentClassified, cause: str | None) -> list[PageEvent]:
        """Attach it to the message that is its cause; without a cause, to the latest message with the same text."""
        same_text = (
            message["id"]
            for message in reversed(self.messages.values())
            if message["de"] == "cliente" and message["texto"] == event.pergunta
        )
        id = cause or next(same_text, None)
        if id not in self.messages:
            return []
        probabilities = event.probabilidades
        self.sentiments[id] = {
            "id": id,
            "sentimento": event.sentimento,
            "confianca": event.confianca,
            "score": round(probabilities.get("positive", 0.0) - probabilities.get("negative", 0.0), 4),
            "timestamp": self.messages[id]["timestamp"],
        }
        return [_sentiment_event(self.sentiments[id])]


class Conversations:
    """All conversations in the topics. Thread-safe."""

    def __init__(
        self,
        on_events: Callable[[str, list[PageEvent]], None] = lambda _sessao, _events: None,
        is_live: Callable[[], bool] = lambda: True,
    ):
        """`on_events`: called with the session and its new page events for each record, in the order of arrival.

        `is_live`: whether `on_events` should be called yet; false while the topics are read at startup.
        """
        self._on_events = on_events
        self._is_live = is_live
        self._sessions: dict[str, Session] = {}
        self._size_bytes = 0
        self._lock = threading.RLock()

    def add_record(self, topic: str, record: Any) -> None:
        """Add a record of `topic`; a malformed one is ignored."""
        try:
            event: Any = _truncated(TOPICS[topic].event.decode(record.value, timestamp_seconds(record)))
        except Undecodable:
            return  # its consumer sends it to the dead-letter topic
        with self._lock:
            session = self._sessions.setdefault(event.sessao, Session())
            before, live = session.size_bytes, self._is_live()
            if live and session.announced is None:
                session.refresh().announce_state(time.time())
            events = session.add(record, topic, event, live)
            self._size_bytes += session.size_bytes - before
            if live:
                self._on_events(event.sessao, events + session.announce_state(time.time()))
            if self._size_bytes > MAX_BYTES:
                self._free_memory()

    def is_known(self, sessao: str) -> bool:
        return sessao in self._sessions

    def state(self, sessao: str) -> Conversation:
        """The current state; that of a new conversation if the session is unknown."""
        with self._lock:
            session = self._sessions.get(sessao)
            return self._refresh(session).state.at(time.time()) if session else Conversation()

    def next_timestamp(self, sessao: str) -> float:
        """The timestamp (seconds) for the next record: later than all known records, even if clocks differ."""
        now = int(time.time() * 1000)
        with self._lock:
            session = self._sessions.get(sessao)
            last = session.entries[-1].place[0] if session else 0
        return max(now, min(last + 1, now + MAX_CLOCK_SKEW_MS)) / 1000

    def event(self, topic: str, sessao: str, id: str) -> Any:
        """The event with that id, or None if it is unknown or trimmed."""
        with self._lock:
            entries = reversed(self._sessions.get(sessao, Session()).entries)
            return next((entry.event for entry in entries if (entry.place[1], entry.id) == (topic, id)), None)

    def is_accepted(self, sessao: str, id: str) -> bool:
        """Whether the event with that id changed the state; if not, another one came first."""
        with self._lock:
            return sessao in self._sessions and id in self._refresh(self._sessions[sessao]).accepted

    def last_change(self, sessao: str) -> ConversationChanged | None:
        """What was done last to the conversation by an attendant, of what the log still has; None if nothing."""
        with self._lock:
            session = self._refresh(self._sessions.get(sessao, Session()))
            accepted = (entry.event for entry in reversed(session.entries) if entry.id in session.accepted)
            changes = (event for event in accepted if isinstance(event, ConversationChanged) and event.atendente)
            return next((event for event in changes if event.evento != "mantida"), None)

    def events(self, sessao: str) -> list[PageEvent]:
        """The page events of the whole conversation, its state last."""
        with self._lock:
            session = self._refresh(self._sessions.get(sessao, Session()))
            return [*session.events(), session.state_event(time.time())]

    def summary(self, sessao: str) -> Summary:
        """A known conversation as the attendants see it."""
        with self._lock:
            return _summary(sessao, self._refresh(self._sessions[sessao]), time.time())

    def queue(self) -> list[Summary]:
        """The summaries of the conversations in the attendants' queue, most urgent first."""
        now = time.time()
        with self._lock:
            visible = [item for item in self._sessions.items() if not _is_over(self._refresh(item[1]), now)]
            visible.sort(key=lambda item: (urgency(item[1], now), item[1].state.last_at), reverse=True)
            return [_summary(sessao, session, now) for sessao, session in visible[:MAX_QUEUE_LENGTH]]

    def tick(self, forget_before: float) -> None:
        """Announce states that changed by time alone, and forget conversations whose last record is older than that."""
        if not self._is_live():
            return
        now = time.time()
        with self._lock:
            for sessao, session in list(self._sessions.items()):
                if session.last_at < forget_before:
                    self._forget(sessao)
                elif events := self._refresh(session).announce_state(now):
                    self._on_events(sessao, events)

    def to_repeat(self, every_seconds: float = KEEP_EVERY_SECONDS) -> list[ConversationChanged]:
        """What is to be repeated in the log, before it expires there, of conversations that wait or have a human."""
        if not self._is_live():
            return []
        now, due = time.time(), []
        with self._lock:
            for sessao, session in self._sessions.items():
                kept = self._refresh(session).state.at(now).kept(sessao)
                if kept and kept.desde and now - max(session.kept_at, kept.desde) > every_seconds:
                    due.append(kept)
        return due

    def _refresh(self, session: Session) -> Session:
        before = session.size_bytes
        session.refresh()
        self._size_bytes += session.size_bytes - before
        return session

    def _free_memory(self) -> None:
        """Make a tenth of the room free: first by shortening the conversations that hold most, then by forgetting.

        The robot's conversations are shortened and forgotten, the oldest first, before those that wait for a human or
        have one.
        """
        for session in self._sessions.values():
            self._refresh(session)
        now, enough = time.time(), 0.9 * MAX_BYTES
        served = {sessao for sessao, one in self._sessions.items() if one.state.at(now).estado in ("waiting", "human")}
        for group in (self._sessions.keys() - served, served):
            largest = [(-self._sessions[sessao].size_bytes, sessao) for sessao in group]
            heapq.heapify(largest)
            while largest and self._size_bytes > enough:
                size, sessao = heapq.heappop(largest)
                session = self._sessions[sessao]
                session.shrink()
                self._size_bytes += session.size_bytes + size
                if session.size_bytes < -size:
                    heapq.heappush(largest, (-session.size_bytes, sessao))
            oldest = sorted(group, key=lambda sessao: self._sessions[sessao].last_at)
            while oldest and self._size_bytes > enough:
                self._forget(oldest.pop(0))

    def _forget(self, sessao: str) -> None:
        self._size_bytes -= self._sessions.pop(sessao).size_bytes


def without_controls(text: str) -> str:
    """The text without control characters, which pages cannot show and terminals obey; tab and newline stay."""
    return "".join(one for one in text if one in "\t\n" or unicodedata.category(one) not in ("Cc", "Cs"))


def urgency(session: Session, now: float) -> float:
    """A sort key: greater is more urgent. Values computed at different times are comparable.

    Waiting conversations come first, by waiting time plus a bonus for anger; then those with a human; then those with
    the bot, by anger.
    """
    state = session.state.at(now)
    if state.estado == "waiting":
        return 3e10 - (state.waiting_since or now) + ANGER_BONUS_SECONDS * session.anger()
    if state.estado == "human":
        return 2e10 - state.last_at
    return 1 + session.anger() if state.estado == "bot" else 0.0


def _is_over(session: Session, now: float) -> bool:
    state = session.state.at(now)
    return state.estado == "closed" and now - state.last_at > CLOSED_VISIBLE_SECONDS


def _summary(sessao: str, session: Session, now: float) -> Summary:
    state = session.state.at(now)
    from_customer = [message for message in session.messages.values() if message["de"] == "cliente"]
    reason = session.reason if state.estado in ("waiting", "human") else None
    return {
        "sessao": sessao,
        "nome": state.nome,
        "estado": state.estado,
        "atendente": state.atendente,
        "waiting_since": state.waiting_since,
        "last_at": state.last_at,
        "last_message": from_customer[-1]["texto"] if from_customer else None,
        "reason": _call(reason) if reason else None,
        "sentiments": session.ordered_sentiments()[-MAX_SENTIMENTS:],
        "urgency": urgency(session, now),
    }


def _call(raised: HandoffRaised) -> Call:
    return {
        "pergunta": raised.pergunta,
        "confianca": raised.confianca,
        "motivo": raised.motivo,
        "timestamp": raised.timestamp,
    }


def _truncated(event: Event) -> Event:
    truncated = {
        name: f"{value[:MAX_TEXT_CHARACTERS]}…"
        for name, value in event.__dict__.items()
        if isinstance(value, str) and len(value) > MAX_TEXT_CHARACTERS
    }
    return event.model_copy(update=truncated) if truncated else event


def _sentiment_event(one: ScoredTone) -> PageEvent:
    return "sentiment", Tone(id=one["id"], sentimento=one["sentimento"], confianca=one["confianca"])
