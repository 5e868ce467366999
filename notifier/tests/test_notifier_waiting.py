"""A waiting period starts once, whatever the order in which the two topics are read."""

import importlib
import itertools
import json
import threading
from typing import Any

import pytest
from bus import State
from events.conversation import ConversationChanged, HandoffRaised
from notifier.sentences import call
from notifier.waiting import Waiting

Event = HandoffRaised | ConversationChanged
HOUR = 3600


def handoff_at(at: float) -> HandoffRaised:
    return HandoffRaised(sessao="s", nome="Ana", pergunta=f"at {at}", confianca=0.9, timestamp=at)


def change_at(evento: str, at: float, atendente: str = "Bia") -> ConversationChanged:
    return ConversationChanged(sessao="s", evento=evento, atendente=atendente, timestamp=at)


def started_by(*events: Event) -> list[float]:
    """The timestamps of the handoffs that start a waiting period. The state is serialised between events."""
    waiting, times = Waiting(), []
    for event in events:
        waiting, handoff = Waiting.from_json(json.loads(json.dumps(waiting.to_json()))).after(event)
        if handoff:
            times.append(handoff.timestamp)
    return times


def test_many_handoffs_are_one_waiting_period() -> None:
    assert started_by(handoff_at(1), handoff_at(2), handoff_at(3)) == [1]


def test_a_duplicate_handoff_starts_nothing() -> None:
    assert started_by(
        handoff_at(1), handoff_at(1), change_at("assumida", 2), handoff_at(1), change_at("devolvida", 3), handoff_at(1)
    ) == [1]


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
def test_a_malformed_stored_state_is_the_initial_state(junk: Any) -> None:
    assert Waiting.from_json(junk) == Waiting()


@pytest.mark.parametrize("end", ["devolvida", "encerrada"])
def test_after_a_release_a_new_handoff_starts_a_waiting_period(end: str) -> None:
    assert started_by(handoff_at(1), change_at("assumida", 2), change_at(end, 3), handoff_at(4), handoff_at(5)) == [
        1,
        4,
    ]


def test_duplicate_changes_start_no_waiting_period() -> None:
    """Offsets of the two topics are committed separately, so changes may be redelivered after a later handoff."""
    changes = [change_at("assumida", 2), change_at("devolvida", 3), change_at("assumida", 4), change_at("devolvida", 5)]
    for first in range(len(changes)):
        assert started_by(handoff_at(1), *changes, handoff_at(6), *changes[first:], handoff_at(7)) == [1, 6], first
        assert started_by(handoff_at(1), *changes[:3], handoff_at(6), *changes[first:], handoff_at(7)) == [1, 6], first


def test_after_a_day_of_silence_a_new_handoff_starts_a_waiting_period() -> None:
    assert started_by(handoff_at(1), handoff_at(1 + 30 * HOUR), handoff_at(1 + 31 * HOUR)) == [1, 1 + 30 * HOUR]
    assert started_by(handoff_at(1), change_at("assumida", 2), handoff_at(1 + 30 * HOUR)) == [1, 1 + 30 * HOUR]


def test_further_handoffs_extend_the_waiting_period() -> None:
    assert started_by(*(handoff_at(1 + hours * HOUR) for hours in (0, 20, 40, 60))) == [1]


def test_while_a_human_has_it_no_waiting_period_starts() -> None:
    assert started_by(change_at("assumida", 1), handoff_at(2), change_at("devolvida", 3)) == []


def test_only_its_attendant_releases_a_conversation() -> None:
    assert started_by(handoff_at(1), change_at("assumida", 2), change_at("devolvida", 3, "Caio"), handoff_at(4)) == [1]


def test_the_topics_may_be_read_in_any_order() -> None:
    handoffs = [handoff_at(1), handoff_at(4), handoff_at(5)]
    changes = [change_at("assumida", 2), change_at("devolvida", 3)]
    for places in itertools.combinations(range(5), len(changes)):
        events, left, right = [], iter(handoffs), iter(changes)
        for place in range(5):
            events.append(next(right) if place in places else next(left))
        if places[0] == 0:
            continue  # taken before the first handoff, which is then ignored
        assert len(started_by(*events)) == 2, events


class Kept(dict[str, Any]):
    """What is remembered, in this process only."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ATTENDANT_EMAIL", "bia@example.org")
    return importlib.reload(importlib.import_module("notifier.__main__"))  # reads its settings again


def test_a_take_while_a_handoff_changes_the_state_is_not_lost(program: Any) -> None:
    class Slow(Kept):
        def put(self, key: str, value: Any) -> None:
            if not take.ident:
                take.start()
                take.join(0.5)  # it must not get past the lock
            super().put(key, value)

    kept, taken = Slow(), change_at("assumida", 2)
    take = threading.Thread(target=program.on_conversation_change, args=(taken, State("take", kept)))
    first = program.on_handoff(handoff_at(1), State("first", kept))
    take.join()
    program.on_conversation_change(change_at("devolvida", 3), State("release", kept))
    second = program.on_handoff(handoff_at(4), State("later", kept))
    assert [mail.event_id for mail in (first, second)] == ["conversation s 1.0", "conversation s 4.0"]
    assert first.address == "bia@example.org"


def test_a_second_delivery_of_what_started_a_waiting_period_calls_again(program: Any) -> None:
    """The first call may not have been published. Whoever sends it knows whether it has been sent."""
    kept = Kept()
    handoff, further = State("handoff", kept), State("further", kept)
    first = program.on_handoff(handoff_at(1), handoff)
    assert program.on_handoff(handoff_at(2), further) is None
    assert program.on_handoff(handoff_at(1), handoff) == first
    assert program.on_handoff(handoff_at(2), further) is None
    assert first.event_id == "conversation s 1.0"


def test_a_second_delivery_of_a_release_that_started_a_waiting_period_calls_again(program: Any) -> None:
    kept = Kept()
    program.on_handoff(handoff_at(1), State("first", kept))
    program.on_conversation_change(change_at("assumida", 2), State("take", kept))
    assert program.on_handoff(handoff_at(4), State("early", kept)) is None
    released = State("release", kept)
    called = program.on_conversation_change(change_at("devolvida", 3), released)
    assert called.event_id == "conversation s 4.0"
    assert program.on_conversation_change(change_at("devolvida", 3), released) == called


def test_the_alert_has_who_waits_and_why_on_one_line() -> None:
    one = HandoffRaised(sessao="s", nome="Ana\nBcc: x", pergunta="isso é\r\nhorrível", confianca=0.9, timestamp=1)
    assert call(one) == "Ana Bcc: x espera por um atendente / is waiting for a human: isso é horrível"
