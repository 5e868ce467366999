"""Folding records into conversations: out of order, duplicated, late, foreign, or too many."""

import itertools
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from chatbot.conversations import Conversations
from events.catalogue import CONVERSATION_TOPICS

from chatbot import conversations

HOUR = 3_600_000


class Fold:
    """Conversations with the given records, and the page events that they sent."""

    def __init__(self, *records: Any, live: bool = True):
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.live = live
        self.conversations = Conversations(lambda _sessao, events: self.sent.extend(events), lambda: self.live)
        self.add(*records)

    def add(self, *records: Any) -> None:
        for record in records:
            self.conversations.add_record(record.topic, record)

    def events(self, sessao: str = "s1") -> list[Any]:
        return self.conversations.events(sessao)

    def texts(self, sessao: str = "s1") -> list[str]:
        return [data["texto"] for name, data in self.events(sessao) if name == "message"]

    def state(self, sessao: str = "s1") -> tuple[str, str | None]:
        state = self.conversations.state(sessao)
        return state.estado, state.atendente


def short_conversation(conversation: Any) -> list[Any]:
    """Ana gets angry; Bia takes the conversation, answers and releases it."""
    records = [conversation.opened(), conversation.said("Olá", "Oi"), conversation.said("Isto é péssimo", "Não sei.")]
    angry = records[-1]
    records += [
        conversation.classified(records[1], "neutral", 0.7),
        conversation.classified(angry),
        conversation.raised(angry),
    ]
    records += [
        conversation.changed("assumida", "Bia"),
        conversation.replied("Bia", "Aqui é a Bia"),
        conversation.said("Enfim!", ""),
    ]
    return [*records, conversation.classified(records[-1], "positive", 0.6), conversation.changed("devolvida", "Bia")]


def test_records_fold_to_messages_sentiments_and_a_state(conversation: Any, id_of: Callable[[Any], str]) -> None:
    records = short_conversation(conversation)
    fold = Fold(*records)
    greeting, angry, reply, relieved = (id_of(records[number]) for number in (1, 2, 7, 8))
    at = [record.timestamp / 1000 for record in records]
    assert fold.events() == [
        ("message", {"id": greeting, "de": "cliente", "nome": "Ana", "texto": "Olá", "timestamp": at[1]}),
        ("sentiment", {"id": greeting, "sentimento": "neutral", "confianca": 0.7}),
        ("message", {"id": f"{greeting}/resposta", "de": "robo", "nome": "Robô", "texto": "Oi", "timestamp": at[1]}),
        ("message", {"id": angry, "de": "cliente", "nome": "Ana", "texto": "Isto é péssimo", "timestamp": at[2]}),
        ("sentiment", {"id": angry, "sentimento": "negative", "confianca": 0.9}),
        ("message", {"id": f"{angry}/resposta", "de": "robo", "nome": "Robô", "texto": "Não sei.", "timestamp": at[2]}),
        ("message", {"id": reply, "de": "atendente", "nome": "Bia", "texto": "Aqui é a Bia", "timestamp": at[7]}),
        ("message", {"id": relieved, "de": "cliente", "nome": "Ana", "texto": "Enfim!", "timestamp": at[8]}),
        ("sentiment", {"id": relieved, "sentimento": "positive", "confianca": 0.6}),
        ("state", {"estado": "bot", "atendente": None}),
    ]
    assert [data for name, data in fold.sent if name == "state"] == [
        {"estado": "waiting", "atendente": None},
        {"estado": "human", "atendente": "Bia"},
        {"estado": "bot", "atendente": None},
    ]


@pytest.mark.parametrize("seed", range(20))
def test_topics_read_in_any_order_fold_to_the_same(conversation: Any, seed: int) -> None:
    """As at startup: topics are read concurrently, each in its own order."""
    records = short_conversation(conversation)
    chance = random.Random(seed)
    queues: dict[str, list[Any]] = {}
    for record in records:
        queues.setdefault(record.topic, []).append(record)
    shuffled = []
    while any(queues.values()):
        shuffled.append(chance.choice([queue for queue in queues.values() if queue]).pop(0))
    in_order, shuffled_live, at_startup = Fold(*records), Fold(*shuffled), Fold(*shuffled, live=False)
    for other in (shuffled_live, at_startup):
        assert other.events() == in_order.events()
        assert other.conversations.summary("s1") == in_order.conversations.summary("s1")
    assert at_startup.sent == []


@pytest.mark.parametrize("seed", range(10))
def test_the_sent_events_add_up_to_the_conversation(conversation: Any, seed: int) -> None:
    """Whatever the order of the records, the sent events add up to the conversation."""
    records = short_conversation(conversation)
    random.Random(seed).shuffle(records)
    fold = Fold(*records)
    sent = {(name, data.get("id")): data for name, data in fold.sent}
    for name, data in fold.events():
        assert sent.get((name, data.get("id")), data) == data
        assert name == "state" or (name, data["id"]) in sent


def test_events_are_sent_only_after_catching_up(conversation: Any) -> None:
    records = short_conversation(conversation)
    fold = Fold(*sorted(records[:-2], key=lambda record: record.topic), live=False)
    fold.live = True
    fold.add(*records[-2:])
    assert [name for name, _ in fold.sent] == ["sentiment", "state"]
    assert fold.events() == Fold(*records).events()


@pytest.mark.parametrize("ticks", [False, True])
def test_after_a_restart_the_first_change_is_sent(conversation: Any, ticks: bool) -> None:
    """Pages have reconnected and show that Bia has it. Then she releases it."""
    fold = Fold(conversation.opened(), conversation.said("Olá"), conversation.changed("assumida", "Bia"), live=False)
    fold.live = True
    if ticks:
        fold.conversations.tick(0.0)
    assert fold.sent == []
    fold.add(conversation.changed("devolvida", "Bia"))
    assert fold.sent == [("state", {"estado": "bot", "atendente": None})]


def test_duplicates_are_ignored(conversation: Any) -> None:
    records = short_conversation(conversation)
    fold = Fold(*records)
    before, sent = fold.events(), len(fold.sent)
    for record in records:
        duplicate = conversation.log.raw(record.topic, record.value, record.headers)
        fold.add(duplicate, record)
    assert fold.events() == before
    assert len(fold.sent) == sent


def test_the_first_take_in_the_log_wins(conversation: Any, id_of: Callable[[Any], str]) -> None:
    records = [
        conversation.opened(),
        conversation.said("Oi"),
        conversation.changed("assumida", "Bia"),
        conversation.changed("assumida", "Rui"),
    ]
    fold = Fold(*records)
    assert fold.state() == ("human", "Bia")
    assert [fold.conversations.is_accepted("s1", id_of(record)) for record in records[2:]] == [True, False]


def test_within_a_partition_the_log_decides_even_if_clocks_differ(conversation: Any) -> None:
    """Rui's clock is slow: his record is the second one, with the earlier timestamp."""
    records = [
        conversation.opened(),
        conversation.changed("assumida", "Bia", at=20.0),
        conversation.changed("assumida", "Rui", at=19.9),
    ]
    assert Fold(*records).state() == ("human", "Bia")


def test_replies_that_the_state_does_not_allow_are_not_shown(conversation: Any) -> None:
    fold = Fold(conversation.opened(), conversation.said("Oi", ""), conversation.replied("Bia", "sem ter assumido"))
    fold.add(
        conversation.changed("assumida", "Bia"),
        conversation.replied("Rui", "de outro"),
        conversation.replied("Bia", "certo"),
    )
    assert fold.texts() == ["Oi", "certo"]


def test_a_reply_read_before_its_take_is_shown_with_the_take(conversation: Any) -> None:
    opened, taken, reply = (
        conversation.opened(),
        conversation.changed("assumida", "Bia"),
        conversation.replied("Bia", "Olá"),
    )
    fold = Fold(opened, reply)
    assert fold.texts() == []
    fold.add(taken)
    assert fold.texts() == ["Olá"]
    assert [data["texto"] for name, data in fold.sent if name == "message"] == ["Olá"]


def test_a_sentiment_belongs_to_its_cause(conversation: Any, id_of: Callable[[Any], str]) -> None:
    first, second = conversation.said("igual"), conversation.said("igual")
    fold = Fold(conversation.classified(first), conversation.classified(second, "neutral"), first, second)
    assert [sentiment["id"] for sentiment in fold.conversations.summary("s1")["sentiments"]] == [
        id_of(first),
        id_of(second),
    ]
    assert [sentiment["sentimento"] for sentiment in fold.conversations.summary("s1")["sentiments"]] == [
        "negative",
        "neutral",
    ]


def test_a_sentiment_without_a_cause_belongs_to_the_latest_message_with_its_text(
    conversation: Any, id_of: Callable[[Any], str]
) -> None:
    first, second, other = conversation.said("igual"), conversation.said("igual"), conversation.said("outra")
    sentiment = conversation.classified("igual")
    later = conversation.said("igual")
    fold = Fold(first, second, other, sentiment, later, conversation.classified("nunca dito"))
    assert [one["id"] for one in fold.conversations.summary("s1")["sentiments"]] == [id_of(second)]


def test_a_foreign_producer_without_key_and_headers_is_served(conversation: Any) -> None:
    value = {"sessao": "s1", "nome": "Zé", "pergunta": "Oi", "resposta": "Olá"}
    record = conversation.log.raw("chatbot", json.dumps(value).encode())
    fold = Fold(record)
    (message, answer, _state) = fold.events()
    assert message[1]["id"] == f"chatbot/0/{record.offset}"
    assert answer[1]["id"] == f"chatbot/0/{record.offset}/resposta"
    assert fold.conversations.summary("s1")["nome"] == "Zé"


@pytest.mark.parametrize(
    "value", [None, b"", b"no json", b"[]", b"{}", b'{"sessao": 1}', b"\xff", b'{"sessao": "", "nome": ""}']
)
@pytest.mark.parametrize("topic", CONVERSATION_TOPICS)
def test_malformed_records_are_ignored(conversation: Any, topic: str, value: bytes | None) -> None:
    fold = Fold(conversation.log.raw(topic, value))
    assert fold.conversations.queue() == []
    assert fold.sent == []


def test_long_texts_are_truncated(conversation: Any) -> None:
    fold = Fold(conversation.said("x" * 100_000, "y" * 100_000))
    assert [len(text) for text in fold.texts()] == [conversations.MAX_TEXT_CHARACTERS + 1] * 2


def test_a_conversation_keeps_its_newest_records_and_its_state(
    conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_RECORDS", 20)
    fold = Fold(conversation.opened(), conversation.changed("assumida", "Bia"))
    early = conversation.replied("Bia", "chega tarde demais")
    said = [conversation.said(f"mensagem {number}", "") for number in range(100)]
    fold.add(*said)
    assert fold.texts() == [f"mensagem {number}" for number in range(80, 100)]
    assert fold.state() == ("human", "Bia")
    fold.add(early)
    assert fold.texts()[0] == "mensagem 80"
    fold.add(conversation.replied("Bia", "ainda aqui"))
    assert fold.texts()[-1] == "ainda aqui"


def long_conversation(conversation: Any) -> list[Any]:
    """Bia takes it early; the records that follow exceed the limit."""
    angry = conversation.said("Isto é péssimo", "Não sei.")
    records = [
        conversation.opened(),
        angry,
        conversation.classified(angry),
        conversation.raised(angry),
        conversation.changed("assumida", "Bia"),
    ]
    for number in range(12):
        message = conversation.said(f"pergunta {number}", "")
        records += [
            message,
            conversation.classified(message, "neutral"),
            conversation.replied("Bia", f"resposta {number}"),
        ]
    return records


def size_is_consistent(fold: Fold) -> bool:
    return fold.conversations._size_bytes == sum(
        session.size_bytes for session in fold.conversations._sessions.values()
    )


def test_a_long_conversation_is_the_same_after_a_restart_for_any_order_of_topics(
    conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_RECORDS", 20)
    records = long_conversation(conversation)
    news = [conversation.said("Ainda aí?", ""), conversation.replied("Bia", "Sim")]
    late = conversation.said("entre as duas", "", at=len(records) + 0.5)
    before, after = Fold(*records), Fold(*records, *news, late)
    assert (before.state(), len(before.texts())) == (("human", "Bia"), 13)
    assert after.texts()[-3:] == ["Ainda aí?", "entre as duas", "Sim"]
    assert after.conversations.summary("s1")["reason"]
    topics = {record.topic for record in records}
    for order in itertools.permutations(sorted(topics)):
        replayed = sorted(records, key=lambda record: order.index(record.topic))
        queried, not_queried = Fold(*replayed, live=False), Fold(*replayed, live=False)
        for fold in (queried, not_queried):
            fold.live = True
            if fold is queried:
                assert fold.events() == before.events(), order
                assert fold.conversations.summary("s1") == before.conversations.summary("s1"), order
                assert size_is_consistent(fold)
            fold.add(*news, late)
            assert fold.events() == after.events(), order
            assert fold.conversations.summary("s1") == after.conversations.summary("s1"), order
            assert len(fold.conversations._sessions["s1"].entries) == 20
            assert size_is_consistent(fold)


def test_ticks_during_startup_change_nothing(conversation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MAX_RECORDS", 20)
    records = long_conversation(conversation)
    at_startup = Fold(live=False)
    for record in sorted(records, key=lambda record: record.topic):
        at_startup.add(record)
        at_startup.conversations.tick(forget_before=time.time() - 60)
    assert at_startup.sent == []
    at_startup.live = True
    assert at_startup.events() == Fold(*records).events()


def test_one_endless_conversation_does_not_displace_the_others_at_startup(
    make_conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endless one is trimmed before any other is forgotten."""
    monkeypatch.setattr(conversations, "MAX_RECORDS", 5)
    monkeypatch.setattr(conversations, "MAX_BYTES", 100_000)
    short, endless = make_conversation("short"), make_conversation("endless")
    records = [short.said("Oi"), endless.opened(), endless.changed("assumida", "Bia")]
    records += [endless.said(f"mensagem {number}", "") for number in range(500)]
    at_startup = Fold(*sorted(records, key=lambda record: record.topic), live=False)
    assert at_startup.conversations._size_bytes <= 100_000
    assert size_is_consistent(at_startup)
    assert at_startup.conversations.is_known("short")
    assert at_startup.state("endless") == ("human", "Bia")
    assert at_startup.texts("endless") == [f"mensagem {number}" for number in range(495, 500)]


def test_memory_is_bounded_and_the_oldest_conversations_are_forgotten(
    make_conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_BYTES", 100_000)
    fold = Fold()
    for number in range(500):
        conversation = make_conversation(f"session {number}")
        fold.add(conversation.said("é" * 1_000, at=float(number)), conversation.said("Oi", at=number + 0.5))
    assert fold.conversations.is_known("session 499")
    assert not fold.conversations.is_known("session 0")
    assert fold.conversations._size_bytes <= 100_000
    assert size_is_consistent(fold)
    assert len(fold.conversations._sessions) >= 8


@pytest.mark.parametrize("live", [True, False])
def test_conversations_that_wait_or_have_a_human_are_forgotten_last(
    make_conversation: Any, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    monkeypatch.setattr(conversations, "MAX_BYTES", 100_000)
    waiting, held, old = make_conversation("waiting"), make_conversation("held"), make_conversation("old")
    angry = waiting.said("Que horror")
    fold = Fold(angry, waiting.raised(angry), held.said("Oi"), held.changed("assumida", "Bia"), live=live)
    fold.add(old.said("Oi"))
    for number in range(500):
        fold.add(make_conversation(f"session {number}").said("é" * 1_000))
    assert fold.conversations._size_bytes <= 100_000
    assert not fold.conversations.is_known("old")
    assert (fold.state("waiting"), fold.state("held")) == (("waiting", None), ("human", "Bia"))


def test_a_day_of_silence_closes_it_and_a_message_reopens_it(conversation: Any) -> None:
    conversation.log.start -= 25 * HOUR
    fold = Fold(conversation.opened(), conversation.said("Oi"), conversation.changed("assumida", "Bia"))
    assert fold.state() == ("closed", None)
    assert fold.conversations.queue() == fold.conversations.queue()
    assert fold.conversations.summary("s1")["estado"] == "closed"
    fold.add(conversation.said("Ainda aí?", at=25 * 3600.0))
    assert fold.state() == ("bot", None)


def test_a_tick_closes_it_and_sends_that_once(conversation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = Fold(conversation.opened(), conversation.said("Oi"))
    fold.conversations.tick(0.0)
    assert [name for name, _ in fold.sent if name == "state"] == []
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(conversations.time, "time", lambda: tomorrow)
    fold.conversations.tick(0.0)
    fold.conversations.tick(0.0)
    assert [data for name, data in fold.sent if name == "state"] == [{"estado": "closed", "atendente": None}]


def test_expired_conversations_are_forgotten(make_conversation: Any) -> None:
    fold = Fold(make_conversation("old").said("Oi", at=0.0), make_conversation("new").said("Oi", at=600.0))
    fold.conversations.tick(forget_before=time.time() - 3_300)
    assert (fold.conversations.is_known("old"), fold.conversations.is_known("new")) == (False, True)
    assert fold.conversations._size_bytes == fold.conversations._sessions["new"].size_bytes


def test_the_queue_is_in_order_of_urgency(make_conversation: Any) -> None:
    calm, sad, held, early, late, furious, over = map(
        make_conversation, ("calm", "sad", "held", "early", "late", "furious", "over")
    )
    fold = Fold(calm.said("Oi", at=0.0), held.said("Oi", at=1.0), held.changed("assumida", "Bia", at=2.0))
    fold.add(over.said("Tchau", at=3.0), over.changed("encerrada", "Bia", at=4.0))
    message = sad.said("Que pena", at=5.0)
    fold.add(message, sad.classified(message, confianca=0.5, at=5.1))
    for conversation, at, confianca in ((early, 10.0, 0.3), (late, 100.0, 0.3), (furious, 200.0, 0.99)):
        message = conversation.said("Que horror", at=at)
        fold.add(
            message,
            conversation.classified(message, confianca=confianca, at=at + 0.1),
            conversation.raised(message, at=at + 0.2),
        )
    rows = fold.conversations.queue()
    assert [row["sessao"] for row in rows] == ["furious", "early", "late", "held", "sad", "calm", "over"]
    assert [row["urgency"] for row in rows] == sorted((row["urgency"] for row in rows), reverse=True)


def test_the_summary_has_the_reason_until_the_release(conversation: Any) -> None:
    angry = conversation.said("Que horror")
    fold = Fold(conversation.opened(), angry, conversation.classified(angry), conversation.raised(angry))
    row = fold.conversations.summary("s1")
    assert (row["estado"], row["nome"], row["last_message"]) == ("waiting", "Ana", "Que horror")
    assert row["reason"] == {"pergunta": "?", "confianca": 0.9, "motivo": "tom", "timestamp": angry.timestamp / 1000}
    assert row["waiting_since"] == row["last_at"]
    (sentiment,) = row["sentiments"]
    assert sentiment["score"] == -0.85
    assert sentiment["timestamp"] == angry.timestamp / 1000
    fold.add(conversation.changed("assumida", "Bia"))
    assert fold.conversations.summary("s1")["reason"]
    assert fold.conversations.summary("s1")["waiting_since"] is None
    fold.add(conversation.changed("devolvida", "Bia"))
    assert fold.conversations.summary("s1")["reason"] is None


def test_a_handoff_for_an_old_message_is_ignored_after_the_release(conversation: Any) -> None:
    angry = conversation.said("Que horror")
    fold = Fold(
        angry,
        conversation.changed("assumida", "Bia"),
        conversation.changed("devolvida", "Bia"),
        conversation.raised(angry),
    )
    assert fold.state() == ("bot", None)


def test_the_summary_has_the_newest_sentiments(conversation: Any, id_of: Callable[[Any], str]) -> None:
    fold = Fold()
    for number in range(60):
        message = conversation.said(f"mensagem {number}")
        fold.add(message, conversation.classified(message))
    assert len(fold.conversations.summary("s1")["sentiments"]) == 50
    assert fold.conversations.summary("s1")["sentiments"][-1]["id"] == id_of(message)


def test_a_closed_conversation_is_shown_for_some_hours(conversation: Any) -> None:
    conversation.log.start -= 11 * HOUR - HOUR
    fold = Fold(conversation.said("Oi"), conversation.changed("encerrada", "Bia"))
    assert [row["estado"] for row in fold.conversations.queue()] == ["closed"]
    conversation.log.start -= 3 * HOUR
    later = Fold(conversation.said("Oi"), conversation.changed("encerrada", "Bia"))
    assert later.conversations.queue() == []
    assert later.conversations.is_known("s1")


# Clocks of other programs.


def a_day_ahead(conversation: Any) -> list[Any]:
    """A foreign program's clock is a day ahead; Bia takes the conversation, hands it back, and Ana grows angry."""
    records = [
        conversation.opened(at=0.0),
        conversation.said("do futuro", at=4_000 + 86_400.0),
        conversation.changed("assumida", "Bia", at=4_010.0),
        conversation.replied("Bia", "pronto", at=4_020.0),
        conversation.changed("devolvida", "Bia", at=4_030.0),
        conversation.said("que horror", at=4_040.0),
    ]
    return [*records, conversation.raised(records[-1], at=4_041.0)]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch, conversation: Any) -> Callable[[float], None]:
    """Sets the clock to that of the log, in seconds."""

    def set_clock(at: float) -> None:
        monkeypatch.setattr(conversations.time, "time", lambda: conversation.log.start / 1000 + at)

    return set_clock


def test_a_record_from_the_future_counts_from_when_it_came(conversation: Any, now: Callable[[float], None]) -> None:
    fold = Fold()
    for number, record in enumerate(a_day_ahead(conversation)):
        now(4_000.0 + 8 * number)
        fold.add(record)
    assert fold.texts() == ["do futuro", "Sei.", "pronto", "que horror", "Sei."]
    assert fold.state() == ("waiting", None)
    fold.add(conversation.changed("encerrada", "Bia", at=4_050.0))
    assert fold.state() == ("closed", None)


@pytest.mark.parametrize("later", [4_050.0, 4_000 + 3 * 86_400.0])
def test_it_does_so_for_whoever_reads_the_log_later(
    conversation: Any, now: Callable[[float], None], later: float
) -> None:
    records = a_day_ahead(conversation)
    now(4_050.0)
    expected = Fold(*records).texts()
    now(later)
    for order in itertools.permutations({record.topic for record in records}):
        fold = Fold(*sorted(records, key=lambda record: order.index(record.topic)), live=False)
        fold.live = True
        assert fold.texts() == expected
        assert fold.state() == (("waiting", None) if later < 86_400 else ("closed", None))


def test_several_in_a_row_keep_their_order(conversation: Any, now: Callable[[float], None]) -> None:
    now(3_700.0)
    ahead = [conversation.said(f"futuro {number}", "", at=90_000.0 + number) for number in range(3)]
    fold = Fold(conversation.said("antes", "", at=3_000.0), *ahead, conversation.said("depois", "", at=3_700.0))
    assert fold.texts() == ["antes", "futuro 0", "futuro 1", "futuro 2", "depois"]
    assert fold.conversations.state("s1").last_at == conversation.log.start / 1000 + 3_700


def test_a_clock_that_is_an_hour_behind_moves_nobody_else(conversation: Any) -> None:
    said = [conversation.said(f"mensagem {number}", "", at=float(60 * number)) for number in range(60)]
    fold = Fold(*said, conversation.said("atrasada", "", at=5.0))
    assert fold.texts() == [f"mensagem {number}" for number in range(60)] + ["atrasada"]
    assert fold.conversations.state("s1").last_at == conversation.log.start / 1000 + 59 * 60


# What has expired in the log.


def test_who_has_a_conversation_is_known_when_the_record_of_that_has_expired(
    conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time()
    conversation.log.start = int(start * 1000)
    clock = [start]
    monkeypatch.setattr(conversations.time, "time", lambda: clock[0])
    fold = Fold(conversation.opened(at=0.0), conversation.changed("assumida", "Bia", at=1.0))
    refused = conversation.changed("assumida", "Rui", at=2.0)
    fold.add(refused)
    log = [refused]
    for day in range(1, 9):
        at = day * 82_800.0
        clock[0] = start + at
        log.append(conversation.said(f"dia {day}", "", at=at))
        fold.add(log[-1])
        for kept in fold.conversations.to_repeat():
            log.append(conversation.log.record("conversation", kept, at=at + 1))
            fold.add(log[-1])
    assert fold.state() == ("human", "Bia")
    repeated = [record for record in log if record.topic == "conversation"][1:]
    assert len(repeated) == 4
    assert not any(fold.conversations.is_accepted("s1", record_id(one)) for one in repeated), "it changes nothing"
    for expired in (0, 3, 6):
        fresh = Fold(*log[expired:])
        assert fresh.state() == ("human", "Bia")
        log_end = conversation.replied("Bia", "ainda aqui", at=8 * 82_800.0 + 10)
        fresh.add(log_end)
        assert fresh.texts()[-1] == "ainda aqui"


def test_who_waits_is_known_too(conversation: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    angry = conversation.said("que horror", at=0.0)
    fold = Fold(angry, conversation.raised(angry, at=1.0))
    (kept,) = fold.conversations.to_repeat(every_seconds=60.0)
    fresh = Fold(
        conversation.said("ainda espero", at=3_000.0), conversation.log.record("conversation", kept, at=3_001.0)
    )
    assert fresh.state() == ("waiting", None)
    assert fresh.conversations.state("s1").waiting_since == fold.conversations.state("s1").waiting_since
    assert fresh.conversations.to_repeat(every_seconds=3_600.0) == [], "it has just been done"


def test_a_repetition_that_comes_after_the_release_changes_nothing(conversation: Any) -> None:
    fold = Fold(conversation.said("Oi", at=0.0), conversation.changed("assumida", "Bia", at=1.0))
    (kept,) = fold.conversations.to_repeat(every_seconds=60.0)
    fold.add(conversation.changed("devolvida", "Bia", at=2_000.0))
    fold.add(conversation.log.record("conversation", kept, at=2_000.1))
    assert fold.state() == ("bot", None)


def record_id(record: Any) -> str:
    return dict(record.headers)["ce_id"].decode()


# Room.


@pytest.mark.parametrize("live", [True, False])
def test_who_holds_most_gives_first(make_conversation: Any, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """One client fills twelve conversations; those of the others stay whole."""
    monkeypatch.setattr(conversations, "MAX_BYTES", 3_000_000)
    fold = Fold(live=live)
    for number in range(100):
        other = make_conversation(f"other {number}")
        fold.add(other.opened(), other.said("Oi", "Olá"))
    waiting, held = make_conversation("waiting"), make_conversation("held")
    angry = waiting.said("Que horror")
    fold.add(angry, waiting.raised(angry), held.said("Oi"), held.changed("assumida", "Bia"))
    for number in range(600):
        fold.add(make_conversation(f"greedy {number % 12}").said("x" * 4_000, "y" * 4_000))
    fold.live = True
    assert fold.conversations._size_bytes <= 3_000_000
    assert size_is_consistent(fold)
    for number in range(100):
        assert fold.texts(f"other {number}") == ["Oi", "Olá"]
    assert (fold.state("waiting"), fold.state("held")) == (("waiting", None), ("human", "Bia"))
    assert fold.texts("waiting")[0] == "Que horror"


def test_one_that_a_human_holds_is_shortened_only_where_there_is_nothing_else(
    make_conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MAX_BYTES", 1_000_000)
    held = make_conversation("held")
    fold = Fold(held.said("Oi", ""), held.changed("assumida", "Bia"))
    for number in range(300):
        fold.add(make_conversation(f"robot {number}").said("x" * 4_000, "y" * 4_000))
    assert fold.texts("held") == ["Oi"]
    for _ in range(200):
        fold.add(held.said("z" * 4_000, ""))
    assert fold.conversations._size_bytes <= 1_000_000
    assert fold.state("held") == ("human", "Bia")
    assert len(fold.texts("held")) >= conversations.MIN_RECORDS
