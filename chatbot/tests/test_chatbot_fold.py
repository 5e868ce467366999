"""Conversations folded from records: in any order, twice, late, foreign, or too many."""

import itertools
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from chatbot.conversations import Conversations

from chatbot import conversations

HOUR = 3_600_000


class Heard:
    """Conversations that have heard records, and what they told of them."""

    def __init__(self, *records: Any, live: bool = True):
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.live = live
        self.all = Conversations(lambda _sessao, news: self.told.extend(news), lambda: self.live)
        self.hear(*records)

    def hear(self, *records: Any) -> None:
        for record in records:
            self.all.heard(record.topic, record)

    def events(self, sessao: str = "s1") -> list[Any]:
        return self.all.events(sessao)

    def texts(self, sessao: str = "s1") -> list[str]:
        return [data["texto"] for name, data in self.events(sessao) if name == "message"]

    def state(self, sessao: str = "s1") -> tuple[str, str | None]:
        state = self.all.state(sessao)
        return state.estado, state.atendente


def a_story(talk: Any) -> list[Any]:
    """Ana grows angry, Bia comes, answers and goes."""
    records = [talk.opened(), talk.said("Olá", "Oi"), talk.said("Isto é péssimo", "Não sei.")]
    angry = records[-1]
    records += [talk.felt(records[1], "neutral", 0.7), talk.felt(angry), talk.raised(angry)]
    records += [talk.changed("assumida", "Bia"), talk.replied("Bia", "Aqui é a Bia"), talk.said("Enfim!", "")]
    return [*records, talk.felt(records[-1], "positive", 0.6), talk.changed("devolvida", "Bia")]


def test_a_story_becomes_messages_feelings_and_a_state(talk: Any, id_of: Callable[[Any], str]) -> None:
    records = a_story(talk)
    heard = Heard(*records)
    greeting, angry, reply, relieved = (id_of(records[number]) for number in (1, 2, 7, 8))
    at = [record.timestamp / 1000 for record in records]
    assert heard.events() == [
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
    assert [data for name, data in heard.told if name == "state"] == [
        {"estado": "waiting", "atendente": None},
        {"estado": "human", "atendente": "Bia"},
        {"estado": "bot", "atendente": None},
    ]


@pytest.mark.parametrize("seed", range(20))
def test_topics_that_come_in_any_order_fold_to_the_same(talk: Any, seed: int) -> None:
    """As at a start: topics are read one beside the other, in each the order is kept."""
    records = a_story(talk)
    chance = random.Random(seed)
    queues: dict[str, list[Any]] = {}
    for record in records:
        queues.setdefault(record.topic, []).append(record)
    shuffled = []
    while any(queues.values()):
        shuffled.append(chance.choice([queue for queue in queues.values() if queue]).pop(0))
    straight, mixed, starting = Heard(*records), Heard(*shuffled), Heard(*shuffled, live=False)
    for other in (mixed, starting):
        assert other.events() == straight.events()
        assert other.all.summary("s1") == straight.all.summary("s1")
    assert starting.told == []


@pytest.mark.parametrize("seed", range(10))
def test_whoever_listens_knows_in_the_end_what_is_so(talk: Any, seed: int) -> None:
    """Whatever the order, the events that are told make up the conversation."""
    records = a_story(talk)
    random.Random(seed).shuffle(records)
    heard = Heard(*records)
    told = {(name, data.get("id")): data for name, data in heard.told}
    for name, data in heard.events():
        assert told.get((name, data.get("id")), data) == data
        assert name == "state" or (name, data["id"]) in told


def test_what_comes_when_it_has_caught_up_is_told_and_what_came_before_is_not(talk: Any) -> None:
    records = a_story(talk)
    heard = Heard(*sorted(records[:-2], key=lambda record: record.topic), live=False)
    heard.live = True
    heard.hear(*records[-2:])
    assert [name for name, _ in heard.told] == ["sentiment", "state"]
    assert heard.events() == Heard(*records).events()


@pytest.mark.parametrize("ticks", [False, True])
def test_after_a_restart_the_first_change_is_told_whatever_it_is(talk: Any, ticks: bool) -> None:
    """Pages have come back, and were shown how it stands: Bia has it. Then she hands it back."""
    heard = Heard(talk.opened(), talk.said("Olá"), talk.changed("assumida", "Bia"), live=False)
    heard.live = True
    if ticks:
        heard.all.tick(0.0)
    assert heard.told == []
    heard.hear(talk.changed("devolvida", "Bia"))
    assert heard.told == [("state", {"estado": "bot", "atendente": None})]


def test_a_second_delivery_changes_nothing(talk: Any) -> None:
    records = a_story(talk)
    heard = Heard(*records)
    before, told = heard.events(), len(heard.told)
    for record in records:
        again = talk.log.raw(record.topic, record.value, record.headers)
        heard.hear(again, record)
    assert heard.events() == before
    assert len(heard.told) == told


def test_of_two_that_take_it_the_first_in_the_log_has_it(talk: Any, id_of: Callable[[Any], str]) -> None:
    records = [talk.opened(), talk.said("Oi"), talk.changed("assumida", "Bia"), talk.changed("assumida", "Rui")]
    heard = Heard(*records)
    assert heard.state() == ("human", "Bia")
    assert [heard.all.counted("s1", id_of(record)) for record in records[2:]] == [True, False]


def test_within_a_partition_the_log_decides_even_if_clocks_differ(talk: Any) -> None:
    """Rui's clock is behind: his record comes second, though its time is the earlier one."""
    records = [talk.opened(), talk.changed("assumida", "Bia", at=20.0), talk.changed("assumida", "Rui", at=19.9)]
    assert Heard(*records).state() == ("human", "Bia")


def test_what_the_state_does_not_allow_is_not_shown(talk: Any) -> None:
    heard = Heard(talk.opened(), talk.said("Oi", ""), talk.replied("Bia", "sem ter assumido"))
    heard.hear(talk.changed("assumida", "Bia"), talk.replied("Rui", "de outro"), talk.replied("Bia", "certo"))
    assert heard.texts() == ["Oi", "certo"]


def test_a_reply_that_came_before_the_taking_is_shown_when_the_taking_comes(talk: Any) -> None:
    opened, taken, reply = talk.opened(), talk.changed("assumida", "Bia"), talk.replied("Bia", "Olá")
    heard = Heard(opened, reply)
    assert heard.texts() == []
    heard.hear(taken)
    assert heard.texts() == ["Olá"]
    assert [data["texto"] for name, data in heard.told if name == "message"] == ["Olá"]


def test_a_sentiment_belongs_to_its_cause(talk: Any, id_of: Callable[[Any], str]) -> None:
    first, second = talk.said("igual"), talk.said("igual")
    heard = Heard(talk.felt(first), talk.felt(second, "neutral"), first, second)
    assert [feeling["id"] for feeling in heard.all.summary("s1")["sentiments"]] == [id_of(first), id_of(second)]
    assert [feeling["sentimento"] for feeling in heard.all.summary("s1")["sentiments"]] == ["negative", "neutral"]


def test_a_foreign_sentiment_belongs_to_the_latest_message_that_says_so(talk: Any, id_of: Callable[[Any], str]) -> None:
    first, second, other = talk.said("igual"), talk.said("igual"), talk.said("outra")
    feeling = talk.felt("igual")
    later = talk.said("igual")
    heard = Heard(first, second, other, feeling, later, talk.felt("nunca dito"))
    assert [one["id"] for one in heard.all.summary("s1")["sentiments"]] == [id_of(second)]


def test_a_foreign_producer_without_key_and_headers_is_served(talk: Any) -> None:
    value = {"sessao": "s1", "nome": "Zé", "pergunta": "Oi", "resposta": "Olá"}
    record = talk.log.raw("chatbot", json.dumps(value).encode())
    heard = Heard(record)
    (message, answer, _state) = heard.events()
    assert message[1]["id"] == f"chatbot/0/{record.offset}"
    assert answer[1]["id"] == f"chatbot/0/{record.offset}/resposta"
    assert heard.all.summary("s1")["nome"] == "Zé"


@pytest.mark.parametrize(
    "value", [None, b"", b"no json", b"[]", b"{}", b'{"sessao": 1}', b"\xff", b'{"sessao": "", "nome": ""}']
)
@pytest.mark.parametrize("topic", conversations.TOPICS_OF_A_CONVERSATION)
def test_what_cannot_be_understood_says_nothing(talk: Any, topic: str, value: bytes | None) -> None:
    heard = Heard(talk.log.raw(topic, value))
    assert heard.all.queue() == []
    assert heard.told == []


def test_a_megabyte_is_kept_short(talk: Any) -> None:
    heard = Heard(talk.said("x" * 1_000_000, "y" * 1_000_000))
    assert [len(text) for text in heard.texts()] == [conversations.LONGEST_TEXT + 1] * 2


def test_a_conversation_keeps_its_newest_records_and_stands_as_before(
    talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST_RECORDS", 20)
    heard = Heard(talk.opened(), talk.changed("assumida", "Bia"))
    early = talk.replied("Bia", "chega tarde demais")
    said = [talk.said(f"mensagem {number}", "") for number in range(100)]
    heard.hear(*said)
    assert heard.texts() == [f"mensagem {number}" for number in range(80, 100)]
    assert heard.state() == ("human", "Bia")
    heard.hear(early)
    assert heard.texts()[0] == "mensagem 80"
    heard.hear(talk.replied("Bia", "ainda aqui"))
    assert heard.texts()[-1] == "ainda aqui"


def a_long_story(talk: Any) -> list[Any]:
    """Bia comes early, and what they say after that is more than is kept."""
    angry = talk.said("Isto é péssimo", "Não sei.")
    records = [talk.opened(), angry, talk.felt(angry), talk.raised(angry), talk.changed("assumida", "Bia")]
    for number in range(12):
        message = talk.said(f"pergunta {number}", "")
        records += [message, talk.felt(message, "neutral"), talk.replied("Bia", f"resposta {number}")]
    return records


def weighed(heard: Heard) -> bool:
    return heard.all._weight == sum(session.weight for session in heard.all._sessions.values())


def test_a_long_conversation_is_the_same_after_a_restart_whatever_topic_is_read_first(
    talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST_RECORDS", 20)
    records = a_long_story(talk)
    news = [talk.said("Ainda aí?", ""), talk.replied("Bia", "Sim")]
    late = talk.said("entre as duas", "", at=len(records) + 0.5)
    before, after = Heard(*records), Heard(*records, *news, late)
    assert (before.state(), len(before.texts())) == (("human", "Bia"), 13)
    assert after.texts()[-3:] == ["Ainda aí?", "entre as duas", "Sim"]
    assert after.all.summary("s1")["reason"]
    topics = {record.topic for record in records}
    for order in itertools.permutations(sorted(topics)):
        replayed = sorted(records, key=lambda record: order.index(record.topic))
        asked, unasked = Heard(*replayed, live=False), Heard(*replayed, live=False)
        for heard in (asked, unasked):
            heard.live = True
            if heard is asked:
                assert heard.events() == before.events(), order
                assert heard.all.summary("s1") == before.all.summary("s1"), order
                assert weighed(heard)
            heard.hear(*news, late)
            assert heard.events() == after.events(), order
            assert heard.all.summary("s1") == after.all.summary("s1"), order
            assert len(heard.all._sessions["s1"].entries) == 20
            assert weighed(heard)


def test_a_restart_that_time_ticks_through_ends_as_any_other(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "MOST_RECORDS", 20)
    records = a_long_story(talk)
    starting = Heard(live=False)
    for record in sorted(records, key=lambda record: record.topic):
        starting.hear(record)
        starting.all.tick(forget_before=time.time() - 60)
    assert starting.told == []
    starting.live = True
    assert starting.events() == Heard(*records).events()


def test_one_endless_conversation_does_not_cost_the_others_a_restart(
    make_talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a start reads of it at length is shortened before anything is forgotten."""
    monkeypatch.setattr(conversations, "MOST_RECORDS", 5)
    monkeypatch.setattr(conversations, "MOST_BYTES", 100_000)
    short, endless = make_talk("short"), make_talk("endless")
    records = [short.said("Oi"), endless.opened(), endless.changed("assumida", "Bia")]
    records += [endless.said(f"mensagem {number}", "") for number in range(500)]
    starting = Heard(*sorted(records, key=lambda record: record.topic), live=False)
    assert starting.all._weight <= 100_000
    assert weighed(starting)
    assert starting.all.known("short")
    assert starting.state("endless") == ("human", "Bia")
    assert starting.texts("endless") == [f"mensagem {number}" for number in range(495, 500)]


def test_memory_is_bounded_and_the_oldest_conversations_are_forgotten(
    make_talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "MOST_BYTES", 100_000)
    heard = Heard()
    for number in range(500):
        talk = make_talk(f"session {number}")
        heard.hear(talk.said("é" * 1_000, at=float(number)), talk.said("Oi", at=number + 0.5))
    assert heard.all.known("session 499")
    assert not heard.all.known("session 0")
    assert heard.all._weight <= 100_000
    assert weighed(heard)
    assert len(heard.all._sessions) >= 8


@pytest.mark.parametrize("live", [True, False])
def test_who_waits_or_is_held_is_forgotten_last(make_talk: Any, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    monkeypatch.setattr(conversations, "MOST_BYTES", 100_000)
    waiting, held, old = make_talk("waiting"), make_talk("held"), make_talk("old")
    angry = waiting.said("Que horror")
    heard = Heard(angry, waiting.raised(angry), held.said("Oi"), held.changed("assumida", "Bia"), live=live)
    heard.hear(old.said("Oi"))
    for number in range(500):
        heard.hear(make_talk(f"session {number}").said("é" * 1_000))
    assert heard.all._weight <= 100_000
    assert not heard.all.known("old")
    assert (heard.state("waiting"), heard.state("held")) == (("waiting", None), ("human", "Bia"))


def test_a_day_of_silence_closes_it_and_a_message_opens_it_anew(talk: Any) -> None:
    talk.log.start -= 25 * HOUR
    heard = Heard(talk.opened(), talk.said("Oi"), talk.changed("assumida", "Bia"))
    assert heard.state() == ("closed", None)
    assert heard.all.queue() == heard.all.queue()
    assert heard.all.summary("s1")["estado"] == "closed"
    heard.hear(talk.said("Ainda aí?", at=25 * 3600.0))
    assert heard.state() == ("bot", None)


def test_time_alone_closes_it_and_that_is_told_once(talk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard(talk.opened(), talk.said("Oi"))
    heard.all.tick(0.0)
    assert [name for name, _ in heard.told if name == "state"] == []
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(conversations.time, "time", lambda: tomorrow)
    heard.all.tick(0.0)
    heard.all.tick(0.0)
    assert [data for name, data in heard.told if name == "state"] == [{"estado": "closed", "atendente": None}]


def test_what_the_topics_have_forgotten_is_forgotten(make_talk: Any) -> None:
    heard = Heard(make_talk("old").said("Oi", at=0.0), make_talk("new").said("Oi", at=600.0))
    heard.all.tick(forget_before=time.time() - 3_300)
    assert (heard.all.known("old"), heard.all.known("new")) == (False, True)
    assert heard.all._weight == heard.all._sessions["new"].weight


def test_the_queue_is_in_order_of_urgency(make_talk: Any) -> None:
    calm, sad, held, early, late, furious, over = map(
        make_talk, ("calm", "sad", "held", "early", "late", "furious", "over")
    )
    heard = Heard(calm.said("Oi", at=0.0), held.said("Oi", at=1.0), held.changed("assumida", "Bia", at=2.0))
    heard.hear(over.said("Tchau", at=3.0), over.changed("encerrada", "Bia", at=4.0))
    message = sad.said("Que pena", at=5.0)
    heard.hear(message, sad.felt(message, sure=0.5, at=5.1))
    for talk, at, sure in ((early, 10.0, 0.3), (late, 100.0, 0.3), (furious, 200.0, 0.99)):
        message = talk.said("Que horror", at=at)
        heard.hear(message, talk.felt(message, sure=sure, at=at + 0.1), talk.raised(message, at=at + 0.2))
    rows = heard.all.queue()
    assert [row["sessao"] for row in rows] == ["furious", "early", "late", "held", "sad", "calm", "over"]
    assert [row["urgency"] for row in rows] == sorted((row["urgency"] for row in rows), reverse=True)


def test_an_attendant_sees_why_it_was_raised_until_it_is_released(talk: Any) -> None:
    angry = talk.said("Que horror")
    heard = Heard(talk.opened(), angry, talk.felt(angry), talk.raised(angry))
    row = heard.all.summary("s1")
    assert (row["estado"], row["nome"], row["last_message"]) == ("waiting", "Ana", "Que horror")
    assert row["reason"] == {"pergunta": "?", "confianca": 0.9, "timestamp": angry.timestamp / 1000}
    assert row["waiting_since"] == row["last_at"]
    (feeling,) = row["sentiments"]
    assert feeling["score"] == -0.85
    assert feeling["timestamp"] == angry.timestamp / 1000
    heard.hear(talk.changed("assumida", "Bia"))
    assert heard.all.summary("s1")["reason"]
    assert heard.all.summary("s1")["waiting_since"] is None
    heard.hear(talk.changed("devolvida", "Bia"))
    assert heard.all.summary("s1")["reason"] is None


def test_an_old_message_raises_nothing_after_the_release(talk: Any) -> None:
    angry = talk.said("Que horror")
    heard = Heard(angry, talk.changed("assumida", "Bia"), talk.changed("devolvida", "Bia"), talk.raised(angry))
    assert heard.state() == ("bot", None)


def test_only_the_newest_feelings_are_shown(talk: Any, id_of: Callable[[Any], str]) -> None:
    heard = Heard()
    for number in range(60):
        message = talk.said(f"mensagem {number}")
        heard.hear(message, talk.felt(message))
    assert len(heard.all.summary("s1")["sentiments"]) == 50
    assert heard.all.summary("s1")["sentiments"][-1]["id"] == id_of(message)


def test_a_closed_conversation_is_shown_for_some_hours(talk: Any) -> None:
    talk.log.start -= 11 * HOUR - HOUR
    heard = Heard(talk.said("Oi"), talk.changed("encerrada", "Bia"))
    assert [row["estado"] for row in heard.all.queue()] == ["closed"]
    talk.log.start -= 3 * HOUR
    later = Heard(talk.said("Oi"), talk.changed("encerrada", "Bia"))
    assert later.all.queue() == []
    assert later.all.known("s1")
