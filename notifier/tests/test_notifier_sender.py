"""Each recipient's messages in order, one that is put off out of the way of others, and given up after a day."""

import importlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bus import PermanentError, RetryableError, State, backpressure
from bus.dead_letters import DeadLetters, Wanted
from bus.producer import Outgoing
from bus.testing import Broker
from events import Cause, Event, ImageUploaded, OperationFinished
from events.messages import EmailDue, MessageDelayed, MessageDue
from notifier.channels import Channel, Message, RecipientDeferred
from suite_fixtures import eventually

from notifier import sender

HOUR = 3600
FULL = RecipientDeferred("452 mailbox full")
AWAY = RetryableError("away")


def due(name: str, address: str = "ana@example.org") -> EmailDue:
    return EmailDue(address=address, text=name, page="/upload/", event_id=f"event-{name}")


class Kept(dict[str, Any]):
    """What is remembered, in this process only."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


class Recipients(Channel):
    """A channel that keeps what it sends; `error` says what it answers to an address and a text."""

    def __init__(self) -> None:
        self.error: Callable[[str, str], Exception | None] = lambda _address, _text: None
        self.sent: list[tuple[str, str]] = []

    def send(self, address: str, message: Message, event_id: str) -> None:
        error = self.error(address, message.text)
        if error:
            raise error
        self.sent.append((address, message.text))

    def texts(self, address: str) -> list[str]:
        return [text for to, text in self.sent if to == address]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    program = importlib.reload(importlib.import_module("notifier.__main__"))
    for name in program.channels:
        monkeypatch.setitem(program.channels, name, Recipients())
    program.try_again.delay_seconds = 0.05
    return program


@pytest.fixture
def email(program: Any) -> Recipients:
    channel: Recipients = program.channels["email"]
    return channel


@pytest.fixture
def broker(program: Any) -> Iterator[Broker]:
    """With the notifier running on it."""
    broker = Broker(partitions=1)
    with broker.running(program.worker):
        yield broker


def finished(name: str, **contact: str) -> OperationFinished:
    values = {"timestamp": 1.5, "new_file": f"{name}.png", "original_name": name, "operation": "rotate", "lang": "en"}
    return OperationFinished.model_validate(values | {"status": "done"} | contact)


def sentences(*names: str) -> list[str]:
    return [f"The file {name} was rotated." for name in names]


# Nobody waits for another.


def test_many_messages_to_a_full_mailbox_stop_no_other_and_arrive_in_order_once_it_is_emptied(
    program: Any, email: Recipients, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backpressure, "MAX_LANE_RECORDS", 16)
    full = True
    email.error = lambda address, _text: FULL if full and address == "full@example.org" else None
    names = [f"n{number}" for number in range(40)]
    broker.publish("notification", *(finished(name, email="full@example.org") for name in names))
    broker.publish("notification", finished("a", email="ana@example.org"))
    eventually(lambda: email.texts("ana@example.org") == sentences("a"))
    eventually(lambda: broker.records("notifier.delay"))
    full = False
    eventually(lambda: len(email.texts("full@example.org")) == len(names))
    assert email.texts("full@example.org") == sentences(*names)
    broker.wait_until_handled(program.worker)
    assert broker.dead_letters(program.worker) == []
    assert len(email.sent) == len(names) + 1


@pytest.mark.parametrize(("away", "works"), [("telegram", "email"), ("email", "telegram")])
def test_an_outage_of_one_channel_pauses_no_other(
    program: Any, broker: Broker, monkeypatch: pytest.MonkeyPatch, away: str, works: str
) -> None:
    monkeypatch.setattr(backpressure, "MAX_LANE_RECORDS", 16)
    program.channels[away].error = lambda _address, _text: AWAY
    contact = {"email": "email", "telegram": "telegram_id"}
    names = [f"n{number}" for number in range(40)]
    broker.publish("notification", *(finished(name, **{contact[away]: name}) for name in names))
    broker.publish("notification", finished("a", **{contact[works]: "42"}))
    eventually(lambda: program.channels[works].sent == [("42", "The file a was rotated.")])
    program.channels[away].error = lambda _address, _text: None
    eventually(lambda: sorted(program.channels[away].sent) == sorted(zip(names, sentences(*names), strict=True)))


def test_a_final_refusal_of_one_channel_is_a_dead_letter_though_the_other_passes_later(
    program: Any, email: Recipients, broker: Broker
) -> None:
    outage = iter([AWAY, AWAY])
    email.error = lambda _address, _text: PermanentError("550 no such user")
    program.channels["telegram"].error = lambda _address, _text: next(outage, None)
    broker.publish("notification", finished("a", email="gone@example.org", telegram_id="42"))
    eventually(lambda: program.channels["telegram"].sent == [("42", "The file a was rotated.")])
    broker.wait_until_handled(program.worker)
    (letter,) = broker.dead_letters(program.worker)
    assert EmailDue.decode(letter.value).address == "gone@example.org"
    assert b"550 no such user" in dict(letter.headers)["dlq-message"]


def test_what_is_given_up_makes_room_for_what_waits_behind_it(
    program: Any, email: Recipients, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MAX_DEFERRAL_SECONDS", 0)
    (bad,) = sentences("bad")
    email.error = lambda _address, text: FULL if text == bad else None
    broker.publish("notification", *(finished(name, email="ana@example.org") for name in ("bad", "b", "c")))
    eventually(lambda: email.texts("ana@example.org") == sentences("b", "c"))
    broker.wait_until_handled(program.worker)
    (letter,) = broker.dead_letters(program.worker)
    assert EmailDue.decode(letter.value).text == bad
    broker.publish("notification", finished("d", email="ana@example.org"))
    eventually(lambda: email.texts("ana@example.org") == sentences("b", "c", "d"))


# Dead letters that are replayed.


def replay(broker: Broker, program: Any) -> None:
    outcomes = [result.outcome for result in DeadLetters(broker).replay(Wanted((program.worker.name,)))]
    assert outcomes == ["replayed"]


def test_a_refused_mail_is_sent_once_when_its_dead_letter_is_replayed(
    program: Any, email: Recipients, broker: Broker
) -> None:
    email.error = lambda _address, _text: PermanentError("550 no such user")
    broker.publish("notification", finished("a", email="ana@example.org", telegram_id="42"))
    eventually(lambda: broker.dead_letters(program.worker))
    email.error = lambda _address, _text: None
    replay(broker, program)
    eventually(lambda: email.texts("ana@example.org") == sentences("a"))
    broker.wait_until_handled(program.worker)
    (record,) = broker.records("notifier.retry.notifier.email")
    broker.append("notifier.retry.notifier.email", record.value, record.key, record.headers, record.partition)
    broker.wait_until_handled(program.worker)
    assert email.texts("ana@example.org") == sentences("a"), "delivered twice, it is sent once"
    assert program.channels["telegram"].sent == [("42", "The file a was rotated.")]


def test_one_that_was_given_up_waits_behind_the_others_when_it_is_replayed(
    program: Any, email: Recipients, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MAX_DEFERRAL_SECONDS", 0)
    (bad,) = sentences("bad")
    email.error = lambda _address, text: FULL if text == bad else None
    broker.publish("notification", *(finished(name, email="ana@example.org") for name in ("bad", "b")))
    eventually(lambda: broker.dead_letters(program.worker))
    eventually(lambda: email.texts("ana@example.org") == sentences("b"))
    monkeypatch.setattr(sender, "MAX_DEFERRAL_SECONDS", HOUR)
    email.error = lambda _address, _text: FULL
    broker.publish("notification", *(finished(name, email="ana@example.org") for name in ("c", "d")))
    eventually(lambda: len(broker.events("notifier.delay")) > 3)
    replay(broker, program)
    eventually(lambda: set(broker.committed(program.worker, "notifier.retry.notifier.email").values()) == {1})
    email.error = lambda _address, _text: None
    eventually(lambda: email.texts("ana@example.org") == sentences("b", "c", "d", "bad"))


def test_a_success_after_a_failure_is_told_once_and_so_was_the_failure(
    program: Any, email: Recipients, broker: Broker
) -> None:
    upload = ImageUploaded(new_file="a.png", original_name="a", email="ana@example.org", lang="en")
    failed, done = upload.failed("rotate", "It is broken."), upload.finished("rotate", "a_rotate.png")
    for event in (failed, failed, done, failed, done):
        outgoing = Outgoing.of("notification", event.encoded(), "rotate-worker", Cause("image/0/1"))
        broker.append("notification", outgoing.value, outgoing.key, outgoing.headers)
    broker.wait_until_handled(program.worker)
    told = ["The file a could not be processed: It is broken.", *sentences("a")]
    assert email.texts("ana@example.org") == told


# Once, whatever is delivered twice.


def test_what_earlier_versions_have_told_is_not_told_again(program: Any) -> None:
    kept = Kept({"event": ["email"]})
    (only,) = program.notify(finished("a", email="ana@example.org", telegram_id="42"), State("event", kept))
    assert (only.channel, only.address, only.event_id) == ("telegram", "42", "event")


def test_a_second_delivery_of_everything_sends_nothing_again(program: Any, email: Recipients) -> None:
    broker, attempts = Broker(partitions=1), itertools.count()
    email.error = lambda _address, text: FULL if text in sentences("b") and next(attempts) < 5 else None
    names = ["a", "b", "c"]
    with broker.running(program.worker):
        broker.publish("notification", *(finished(name, email="ana@example.org") for name in names))
        eventually(lambda: email.texts("ana@example.org") == sentences(*names))
        broker.wait_until_handled(program.worker)
    for topic in ("notification", "notifier.email", "notifier.delay"):
        broker.commit_as(program.worker, topic, 0, 0)
    with broker.running(program.worker):
        broker.wait_until_handled(program.worker)
    assert email.texts("ana@example.org") == sentences(*names)
    assert broker.dead_letters(program.worker) == []


class CrashError(BaseException):
    """The process is killed."""


class Crashing(Kept):
    """The process is killed before the given number of a write, if `lost`, or else after it."""

    def __init__(self, number: int, lost: bool):
        super().__init__()
        self._left, self._lost = number, lost

    def put(self, key: str, value: Any) -> None:
        self._left -= 1
        if not (self._left == 0 and self._lost):
            super().put(key, value)
        if self._left == 0:
            raise CrashError


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("number", range(1, 25))
def test_a_crash_at_any_write_loses_no_message_and_no_order(
    program: Any, email: Recipients, number: int, lost: bool
) -> None:
    """After a crash come the event at hand and the one before it again, whose answers may not have been published."""
    kept, names, errors = Crashing(number, lost), ["a", "b", "c", "d"], iter([FULL] * 3)
    email.error = lambda _address, text: {"a": next(errors, None), "c": PermanentError("refused")}.get(text)
    log: deque[Event] = deque(due(name) for name in names)
    before: Event | None = None
    while log:
        event = log.popleft()
        if isinstance(event, MessageDelayed):
            log.append(event.message)
            continue
        assert isinstance(event, MessageDue)
        try:
            answer = program.send_email(event, State("", kept, attempt=4))
        except PermanentError as error:
            answer = program.send_email.failure(event, error)
        except CrashError:
            log.extendleft(one for one in (event, before) if one)
            before = None
            continue
        if answer:
            log.append(answer)
        before = event
    sent = email.texts("ana@example.org")
    assert list(dict.fromkeys(sent)) == ["a", "b", "d"]
    assert len(sent) <= 4  # what was sent just when the process was killed may come twice


# How long.


def rounds(program: Any, monkeypatch: pytest.MonkeyPatch, *hours: float) -> list[type]:
    """What comes of a message that is tried at those hours, each time in a new process."""
    kept, outcomes, event = Kept(), [], due("a")
    for hour in hours:
        monkeypatch.setattr(sender.time, "time", lambda hour=hour: 1e9 + hour * HOUR)
        try:
            answer = program.send_email(event, State("", kept, attempt=4))
        except (PermanentError, RetryableError) as error:
            outcomes.append(type(error))
            continue
        outcomes.append(type(answer))
        event = answer.message
    return outcomes


def test_a_recipient_deferred_for_a_day_is_given_up(
    program: Any, email: Recipients, monkeypatch: pytest.MonkeyPatch
) -> None:
    email.error = lambda _address, _text: FULL
    assert rounds(program, monkeypatch, 100, 101, 123, 124.1) == [MessageDelayed] * 3 + [PermanentError]


def test_an_unreachable_server_is_retried_without_limit(
    program: Any, email: Recipients, monkeypatch: pytest.MonkeyPatch
) -> None:
    email.error = lambda _address, _text: AWAY
    assert rounds(program, monkeypatch, 0, 23, 25, 500) == [RetryableError] * 4


def test_after_a_long_outage_a_deferral_still_lasts_a_day(
    program: Any, email: Recipients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The age of the event does not count: the deferral starts when the server is back."""
    errors = iter([AWAY, FULL, FULL])
    email.error = lambda _address, _text: next(errors)
    assert rounds(program, monkeypatch, 0, 50, 60) == [RetryableError, MessageDelayed, MessageDelayed]


def test_a_message_is_tried_a_few_times_before_it_is_put_off(program: Any, email: Recipients) -> None:
    email.error = lambda _address, _text: FULL
    for attempt in (1, 2, 3):
        with pytest.raises(RecipientDeferred):
            program.send_email(due("a"), State("", Kept(), attempt))
    assert isinstance(program.send_email(due("a"), State("", Kept(), 4)), MessageDelayed)


def test_one_whose_server_says_when_waits_so_long(
    program: Any, email: Recipients, monkeypatch: pytest.MonkeyPatch
) -> None:
    email.error = lambda _address, _text: RecipientDeferred("429", after_seconds=100)
    monkeypatch.setattr(sender.time, "time", lambda: 1e9)
    delayed = program.send_email(due("a"), State("", Kept(), attempt=1))
    monkeypatch.setattr(sender.time, "time", lambda: 1e9 + 90)
    assert program.try_again(delayed) is delayed
    monkeypatch.setattr(sender.time, "time", lambda: 1e9 + 101)
    assert program.try_again(delayed) == delayed.message
