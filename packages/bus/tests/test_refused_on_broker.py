"""A broker that refuses the login: the setting is wrong, and a process that only listens must end too."""

import math
from collections.abc import Iterator

import pytest
from bus.mirror import Mirror
from bus.producer import Outgoing, Producer
from bus.settings import EXIT_CONFIG, KafkaSettings
from doorkeeper import Doorkeeper
from suite_fixtures import eventually

pytestmark = pytest.mark.broker


@pytest.fixture
def doorkeeper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorkeeper]:
    doorkeeper = Doorkeeper()
    for name, value in doorkeeper.env.items():
        monkeypatch.setenv(name, value)
    yield doorkeeper
    doorkeeper.stop()


class Ending(Mirror):
    """A mirror that notes the statuses with which it would have ended its process."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        super().__init__(
            KafkaSettings(), ["chatbot"], lambda _topic, _record: None, from_start=True, end=self.statuses.append
        )


@pytest.fixture
def mirror(doorkeeper: Doorkeeper) -> Iterator[Ending]:
    mirror = Ending()
    yield mirror
    mirror.stop()


LINE = "wrong setting: KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: "


def test_it_ends_the_process_where_it_is_refused_at_the_start(
    doorkeeper: Doorkeeper, mirror: Ending, capfd: pytest.CaptureFixture[str]
) -> None:
    doorkeeper.refusals = math.inf
    mirror.start()
    eventually(lambda: mirror.statuses == [EXIT_CONFIG])
    assert not mirror.caught_up.is_set()
    assert capfd.readouterr().err.count(LINE) == 1


def test_it_does_so_where_it_is_refused_when_it_comes_back(
    doorkeeper: Doorkeeper, mirror: Ending, capfd: pytest.CaptureFixture[str]
) -> None:
    mirror.start()
    assert mirror.caught_up.wait(30)
    doorkeeper.turn_out()
    eventually(lambda: mirror.statuses == [EXIT_CONFIG])
    assert capfd.readouterr().err.count(LINE) == 1


def test_it_does_so_where_it_is_refused_while_someone_waits(doorkeeper: Doorkeeper, mirror: Ending) -> None:
    mirror.start()
    assert mirror.catch_up(30)
    doorkeeper.refusals = math.inf
    assert not mirror.catch_up(30)
    assert EXIT_CONFIG in mirror.statuses


def test_it_goes_on_where_the_next_login_is_not_refused(doorkeeper: Doorkeeper, mirror: Ending) -> None:
    mirror.start()
    assert mirror.catch_up(30)
    doorkeeper.turn_out(refusals=1)
    eventually(lambda: not doorkeeper.refusals)
    producer = Producer(KafkaSettings())
    assert mirror.passed(producer.publish([Outgoing("chatbot", b"a", b"{}", [])]), 30)
    assert mirror.statuses == []
    producer.close()
