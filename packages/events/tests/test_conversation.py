"""The events of a conversation, and the state that they fold to."""

import json
import time

import pytest
from events import Undecodable
from events.catalogue import TOPICS
from events.conversation import (
    QUIET_HOURS,
    ChatExchanged,
    Conversation,
    ConversationChanged,
    HandoffRaised,
    HumanReplied,
    SentimentClassified,
)
from events.event import Event

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


def test_values_have_the_fields_of_the_contract() -> None:
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
    assert json.loads(exchange.person_wanted().encoded().value) == {
        "sessao": "s",
        "nome": "Ana",
        "pergunta": "que horror",
        "confianca": 1.0,
        "motivo": "pedido",
        "timestamp": 5,
    }
    assert exchange.encoded().key == "s"


@pytest.mark.parametrize(
    ("motivo", "read"), [("", "tom"), (', "motivo": "outro"', "tom"), (', "motivo": "pedido"', "pedido")]
)
def test_a_handoff_without_a_known_reason_is_one_by_tone(motivo: str, read: str) -> None:
    value = f'{{"sessao": "s", "nome": "Ana", "pergunta": "?", "confianca": 1{motivo}}}'.encode()
    assert HandoffRaised.decode(value, 1.0).motivo == read


def test_a_message_from_the_future_calls_a_person_now() -> None:
    tomorrow = time.time() + DAY
    exchange = ChatExchanged(sessao="s", nome="Ana", pergunta="que horror", resposta="", timestamp=tomorrow)
    assert abs(exchange.raised(0.9).timestamp - time.time()) < 60


def test_the_timestamp_defaults_to_that_of_the_record() -> None:
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
def test_a_malformed_exchange_raises_undecodable(value: bytes | None, problem: str) -> None:
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


def test_a_handoff_waits_is_taken_answered_and_released() -> None:
    assert (WAITING.estado, WAITING.waiting_since) == ("waiting", 2)
    assert (HUMAN.estado, HUMAN.atendente, HUMAN.waiting_since) == ("human", "Bia", None)
    assert HUMAN.after(replied("Bia"), 4).last_at == 4
    back = HUMAN.after(changed("devolvida"), 5)
    assert (back.estado, back.atendente, back.released_at) == ("bot", None, 5)


def test_the_first_of_two_takes_wins() -> None:
    assert HUMAN.after(changed("assumida", "Caio"), 4) is HUMAN
    assert not HUMAN.may(changed("assumida", "Caio"), 4)
    assert WAITING.may(changed("assumida", "Caio"), 4)


@pytest.mark.parametrize("event", [changed("devolvida", "Caio"), changed("encerrada", "Caio"), replied("Caio")])
def test_only_its_attendant_replies_releases_or_closes(event: Event) -> None:
    assert HUMAN.after(event, 4) is HUMAN


@pytest.mark.parametrize("event", [changed("devolvida"), changed("assumida", None), replied("Bia"), raised(3)])
def test_an_event_that_the_state_does_not_allow_is_ignored(event: Event) -> None:
    assert WAITING.after(event, 4) is WAITING


def test_a_handoff_older_than_the_last_release_is_ignored() -> None:
    released = HUMAN.after(changed("devolvida"), 5)
    assert released.after(raised(4.5), 6) is released
    assert released.after(raised(5.5), 6).estado == "waiting"


def test_a_closed_conversation_cannot_be_taken_and_reopens_with_a_message() -> None:
    closed = WAITING.after(changed("encerrada"), 4)
    assert closed.estado == "closed"
    assert closed.after(changed("assumida"), 5) is closed
    assert closed.after(said(), 6).estado == "bot"


def test_it_closes_after_a_day_without_a_record() -> None:
    assert HUMAN.at(3 + DAY) is HUMAN
    assert HUMAN.at(4 + DAY).estado == "closed"
    assert not HUMAN.may(replied("Bia"), 4 + DAY)
    assert not HUMAN.may(changed("assumida", "Caio"), 4 + DAY)
    assert HUMAN.may(said(), 4 + DAY)


def test_it_is_opened_once_with_a_name() -> None:
    opened = Conversation().after(ConversationChanged(sessao="s", evento="aberta", nome="Ana"), 1)
    assert (opened.estado, opened.nome) == ("bot", "Ana")
    assert opened.after(ConversationChanged(sessao="s", evento="aberta", nome="Eva"), 2) is opened


def kept(state: Conversation) -> ConversationChanged:
    event = state.kept("s")
    assert event
    return event


def test_who_has_it_can_be_repeated_for_those_who_come_later() -> None:
    event = kept(HUMAN)
    assert (event.evento, event.atendente, event.desde, event.timestamp) == ("mantida", "Bia", 3, 3)
    assert HUMAN.after(event, 9) is HUMAN, "it changes nothing where it is known"
    later = Conversation().after(event, 9)
    assert (later.estado, later.atendente, later.held_since, later.last_at) == ("human", "Bia", 3, 3)
    assert later.after(changed("devolvida"), 10).estado == "bot"


def test_so_it_is_with_who_waits() -> None:
    event = kept(WAITING)
    assert (event.atendente, event.desde) == (None, 2)
    assert WAITING.after(event, 9) is WAITING
    assert Conversation().after(event, 9).waiting_since == 2


def test_it_overrules_who_took_it_in_vain_and_yields_to_a_release() -> None:
    event = kept(HUMAN)
    in_vain = Conversation().after(changed("assumida", "Caio"), 4)
    assert in_vain.after(event, 9).atendente == "Bia"
    released = HUMAN.after(changed("devolvida"), 5)
    assert released.after(event, 9) is released


def test_nothing_is_repeated_of_a_conversation_that_nobody_waits_in() -> None:
    assert Conversation().kept("s") is None
    assert HUMAN.after(changed("encerrada"), 4).kept("s") is None
