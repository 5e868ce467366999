"""When a waiting begins: once each time, whatever order the two topics are heard in."""

import itertools
import json

import pytest
from bus.conversation import ConversationChanged, HandoffRaised
from notifier.sentences import call
from notifier.waiting import Waiting

Event = HandoffRaised | ConversationChanged


def raised(at: float) -> HandoffRaised:
    return HandoffRaised(sessao="s", nome="Ana", pergunta=f"at {at}", confianca=0.9, timestamp=at)


def changed(evento: str, at: float, atendente: str = "Bia") -> ConversationChanged:
    return ConversationChanged(sessao="s", evento=evento, atendente=atendente, timestamp=at)


def begun(*events: Event) -> list[float]:
    """The times of the messages with which a waiting begins. What is remembered goes through JSON between them."""
    waiting, times = Waiting(), []
    for event in events:
        waiting, beginning = Waiting.from_json(json.loads(json.dumps(waiting.to_json()))).after(event)
        if beginning:
            times.append(beginning.timestamp)
    return times


def test_many_messages_are_one_waiting() -> None:
    assert begun(raised(1), raised(2), raised(3)) == [1]


def test_a_second_delivery_begins_nothing() -> None:
    assert begun(raised(1), raised(1), changed("assumida", 2), raised(1), changed("devolvida", 3), raised(1)) == [1]


@pytest.mark.parametrize("end", ["devolvida", "encerrada"])
def test_after_the_release_a_new_message_is_a_new_waiting(end: str) -> None:
    assert begun(raised(1), changed("assumida", 2), changed(end, 3), raised(4), raised(5)) == [1, 4]


def test_while_a_human_is_there_nobody_else_is_called() -> None:
    assert begun(changed("assumida", 1), raised(2), changed("devolvida", 3)) == []


def test_only_who_has_the_conversation_releases_it() -> None:
    assert begun(raised(1), changed("assumida", 2), changed("devolvida", 3, "Caio"), raised(4)) == [1]


def test_the_topics_may_be_heard_in_any_order() -> None:
    calls = [raised(1), raised(4), raised(5)]
    changes = [changed("assumida", 2), changed("devolvida", 3)]
    for places in itertools.combinations(range(5), len(changes)):
        events, left, right = [], iter(calls), iter(changes)
        for place in range(5):
            events.append(next(right) if place in places else next(left))
        if places[0] == 0:
            continue  # taken before anybody was called: the first call then is heard as one to a human
        assert len(begun(*events)) == 2, events


def test_the_call_says_who_waits_and_why_on_one_line() -> None:
    one = HandoffRaised(sessao="s", nome="Ana\nBcc: x", pergunta="isso é\r\nhorrível", confianca=0.9, timestamp=1)
    assert call(one) == "Ana Bcc: x espera por um atendente / is waiting for a human: isso é horrível"
