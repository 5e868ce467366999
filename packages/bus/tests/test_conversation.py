"""Conversations: the events of their topics, and the state that everybody folds them to."""

import json
import time

import pytest
from bus import Undecodable
from bus.conversation import (
    QUIET_HOURS,
    ChatExchanged,
    Conversation,
    ConversationChanged,
    HandoffRaised,
    HumanReplied,
    SentimentClassified,
)
from bus.events import Event
from bus.topics import TOPICS

DAY = QUIET_HOURS * 3600


def said(text: str = "oi") -> ChatExchanged:
    return ChatExchanged(sessao="s", nome="Ana", pergunta=text, resposta="olá")


def raised(at: float) -> HandoffRaised:
    return HandoffRaised(sessao="s", nome="Ana", pergunta="horrível", confianca=0.9, timestamp=at)


def changed(evento: str, atendente: str | None = "Bia") -> ConversationChanged:
    return ConversationChanged(sessao="s", evento=evento, atendente=atendente)


def replied(atendente: str) -> HumanReplied:
    return HumanReplied(sessao="s", atendente=atendente, mensagem="estou aqui")


def folded(*events: tuple[Event, float]) -> Conversation:
    state = Conversation()
    for event, at in events:
        state = state.after(event, at)
    return state


WAITING = folded((said(), 1), (raised(1), 2))
HUMAN = WAITING.after(changed("assumida"), 3)


# Events.


def test_the_values_are_what_the_contract_says() -> None:
    exchange = ChatExchanged(sessao="s", nome="Ana", pergunta="que horror", resposta="", timestamp=5)
    probabilities = {"negative": 0.7, "neutral": 0.2, "positive": 0.1}
    assert json.loads(exchange.classified(probabilities).encoded().value) == {
        "sessao": "s",
        "nome": "Ana",
        "pergunta": "que horror",
        "sentimento": "negative",
        "confianca": 0.7,
        "probabilidades": probabilities,
    }
    assert json.loads(exchange.raised(0.7).encoded().value) == {
        "sessao": "s",
        "nome": "Ana",
        "pergunta": "que horror",
        "confianca": 0.7,
        "timestamp": 5,
    }
    assert exchange.encoded().key == "s"


def test_what_says_no_time_has_that_of_its_record() -> None:
    value = b'{"sessao": "s", "nome": "Ana", "pergunta": "oi", "resposta": "ol\xc3\xa1"}'
    assert ChatExchanged.decode(value, 123.5).timestamp == 123.5
    assert ChatExchanged.decode(value[:-1] + b', "timestamp": 7}', 123.5).timestamp == 7
    assert abs(said().timestamp - time.time()) < 60


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"no json", "Invalid JSON"),
        (b'{"sessao": "s", "nome": "Ana", "pergunta": "oi"}', "resposta: Field required"),
        (b'{"sessao": "s", "nome": "Ana", "pergunta": 7, "resposta": ""}', "pergunta: Input should be a valid string"),
        (b'{"sessao": "", "nome": "Ana", "pergunta": "oi", "resposta": ""}', "sessao"),
        (None, "no value"),
    ],
)
def test_what_is_no_exchange_is_told_in_one_line(value: bytes | None, problem: str) -> None:
    with pytest.raises(Undecodable, match=problem):
        ChatExchanged.decode(value)


def test_every_event_has_its_topic() -> None:
    of = {topic.event: name for name, topic in TOPICS.items()}
    assert [of[event] for event in (ChatExchanged, SentimentClassified, HandoffRaised)] == [
        "chatbot",
        "sentiment",
        "handoff",
    ]
    assert (of[ConversationChanged], of[HumanReplied]) == ("conversation", "chat-reply")


# States.


def test_a_negative_message_calls_a_human_who_takes_answers_and_hands_back() -> None:
    assert (WAITING.estado, WAITING.waiting_since) == ("waiting", 2)
    assert (HUMAN.estado, HUMAN.atendente, HUMAN.waiting_since) == ("human", "Bia", None)
    assert HUMAN.after(replied("Bia"), 4).last_at == 4
    back = HUMAN.after(changed("devolvida"), 5)
    assert (back.estado, back.atendente, back.released_at) == ("bot", None, 5)


def test_of_two_who_take_it_the_first_has_it() -> None:
    assert HUMAN.after(changed("assumida", "Caio"), 4) is HUMAN
    assert not HUMAN.may(changed("assumida", "Caio"), 4)
    assert WAITING.may(changed("assumida", "Caio"), 4)


@pytest.mark.parametrize("event", [changed("devolvida", "Caio"), changed("encerrada", "Caio"), replied("Caio")])
def test_only_who_has_it_answers_hands_back_or_closes(event: Event) -> None:
    assert HUMAN.after(event, 4) is HUMAN


@pytest.mark.parametrize("event", [changed("devolvida"), changed("assumida", None), replied("Bia"), raised(3)])
def test_what_the_state_does_not_allow_changes_nothing(event: Event) -> None:
    assert WAITING.after(event, 4) is WAITING


def test_a_call_older_than_the_last_release_calls_nobody() -> None:
    released = HUMAN.after(changed("devolvida"), 5)
    assert released.after(raised(4.5), 6) is released
    assert released.after(raised(5.5), 6).estado == "waiting"


def test_a_closed_conversation_cannot_be_taken_and_opens_when_its_person_comes_back() -> None:
    closed = WAITING.after(changed("encerrada"), 4)
    assert closed.estado == "closed"
    assert closed.after(changed("assumida"), 5) is closed
    assert closed.after(said(), 6).estado == "bot"


def test_after_a_day_without_a_record_it_is_closed() -> None:
    assert HUMAN.at(3 + DAY) is HUMAN
    assert HUMAN.at(4 + DAY).estado == "closed"
    assert not HUMAN.may(replied("Bia"), 4 + DAY)
    assert not HUMAN.may(changed("assumida", "Caio"), 4 + DAY)
    assert HUMAN.may(said(), 4 + DAY)


def test_it_begins_once_and_with_a_name() -> None:
    begun = Conversation().after(ConversationChanged(sessao="s", evento="aberta", nome="Ana"), 1)
    assert (begun.estado, begun.nome) == ("bot", "Ana")
    assert begun.after(ConversationChanged(sessao="s", evento="aberta", nome="Eva"), 2) is begun
