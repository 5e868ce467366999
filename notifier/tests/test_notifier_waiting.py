"""When a waiting begins: once each time, whatever order the two topics are heard in."""

import importlib
import itertools
import json
import threading
from typing import Any

import pytest
from bus import Memory
from bus.conversation import ConversationChanged, HandoffRaised
from notifier.sentences import call
from notifier.waiting import Waiting

Event = HandoffRaised | ConversationChanged
HOUR = 3600


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


@pytest.mark.parametrize(
    "junk",
    [
        None,
        1,
        "x",
        [],
        {},
        {"conversation": 1},
        {"conversation": {"released_at": "x"}, "unheeded": None},
        {"unheeded": {}},
    ],
)
def test_what_is_remembered_and_not_understood_is_as_if_there_were_nothing(junk: Any) -> None:
    assert Waiting.from_json(junk) == Waiting()


@pytest.mark.parametrize("end", ["devolvida", "encerrada"])
def test_after_the_release_a_new_message_is_a_new_waiting(end: str) -> None:
    assert begun(raised(1), changed("assumida", 2), changed(end, 3), raised(4), raised(5)) == [1, 4]


def test_a_second_delivery_of_what_attendants_did_is_no_new_waiting() -> None:
    """Calls and changes are committed each for itself, so changes may come again after a later call."""
    changes = [changed("assumida", 2), changed("devolvida", 3), changed("assumida", 4), changed("devolvida", 5)]
    for first in range(len(changes)):
        assert begun(raised(1), *changes, raised(6), *changes[first:], raised(7)) == [1, 6], first
        assert begun(raised(1), *changes[:3], raised(6), *changes[first:], raised(7)) == [1, 6], first


def test_after_a_day_of_silence_a_new_message_is_a_new_waiting() -> None:
    assert begun(raised(1), raised(1 + 30 * HOUR), raised(1 + 31 * HOUR)) == [1, 1 + 30 * HOUR]
    assert begun(raised(1), changed("assumida", 2), raised(1 + 30 * HOUR)) == [1, 1 + 30 * HOUR]


def test_who_goes_on_writing_is_waiting_still() -> None:
    assert begun(*(raised(1 + hours * HOUR) for hours in (0, 20, 40, 60))) == [1]


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


class Kept(dict[str, Any]):
    """What is remembered, in this process only."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


def test_a_take_that_comes_while_the_mail_leaves_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTENDANT_EMAIL", "bia@example.org")
    program = importlib.reload(importlib.import_module("notifier.__main__"))  # its settings are read anew
    memory, mails = Memory("event", Kept()), []
    take = threading.Thread(target=program.changed, args=(changed("assumida", 2), memory))

    class SlowMail:
        def send(self, _address: str, _message: object, event_id: str) -> None:
            mails.append(event_id)
            if not take.ident:
                take.start()
                take.join(0.5)  # as far as it comes

    monkeypatch.setitem(program.channels, "email", SlowMail())
    program.raised(raised(1), memory)
    take.join()
    program.changed(changed("devolvida", 3), memory)
    program.raised(raised(4), memory)
    assert mails == ["conversation s 1.0", "conversation s 4.0"]


def test_the_call_says_who_waits_and_why_on_one_line() -> None:
    one = HandoffRaised(sessao="s", nome="Ana\nBcc: x", pergunta="isso é\r\nhorrível", confianca=0.9, timestamp=1)
    assert call(one) == "Ana Bcc: x espera por um atendente / is waiting for a human: isso é horrível"
