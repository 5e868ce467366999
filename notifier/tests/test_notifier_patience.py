"""How long a message is tried: for a day where its recipient is put off, for ever where it is the server that fails."""

import importlib
from typing import Any

import pytest
from bus import Final, Memory, OperationFinished, Passing
from notifier.channels import Channel, Message, PutOff

HOUR = 3600
FINISHED = OperationFinished(
    timestamp=1.5, new_file="a.png", original_name="a.png", operation="rotate", status="done", email="ana@example.org"
)


class Kept(dict[str, Any]):
    """What is remembered, in this process only."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


class Refusing(Channel):
    """A channel that raises what it is told."""

    def __init__(self, *errors: Exception):
        self.errors = list(errors)

    def send(self, address: str, message: Message, event_id: str) -> None:
        raise self.errors[0]


@pytest.fixture
def program() -> Any:
    return importlib.reload(importlib.import_module("notifier.__main__"))


def tried(program: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, *hours: float) -> list[type[Exception]]:
    """What comes of each try of one message at those hours, the process being a new one each time."""
    monkeypatch.setitem(program.channels, "email", Refusing(error))
    kept, outcomes = Kept(), []
    for hour in hours:
        monkeypatch.setattr(program.time, "time", lambda hour=hour: 1e9 + hour * HOUR)
        with pytest.raises((Final, Passing)) as caught:
            program.notify(FINISHED, Memory("event", kept))
        outcomes.append(caught.type)
    return outcomes


def test_a_recipient_that_is_put_off_for_a_day_is_given_up(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = tried(program, monkeypatch, PutOff("450 Domain not found"), 100, 101, 123, 124.1)
    assert outcomes == [PutOff, PutOff, PutOff, Final]


def test_a_server_that_is_away_is_waited_for(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried(program, monkeypatch, Passing("away"), 0, 23, 25, 500) == [Passing] * 4


def test_after_a_long_outage_a_recipient_still_has_its_day(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The age of the event does not count: greylisting begins when the server is back."""
    kept = Kept()
    for hour, error in ((0, Passing("away")), (50, PutOff("451 greylisted")), (60, PutOff("451 greylisted"))):
        monkeypatch.setitem(program.channels, "email", Refusing(error))
        monkeypatch.setattr(program.time, "time", lambda hour=hour: 1e9 + hour * HOUR)
        with pytest.raises(type(error)):
            program.notify(FINISHED, Memory("event", kept))
