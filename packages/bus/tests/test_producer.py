"""The producer when its client fails: what callers are told, and which client is dropped."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bus import producer as module
from bus.producer import NotPublished, Outgoing, Producer
from bus.settings import KafkaSettings
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from kafka.future import Future

RECORD = Outgoing("image", None, b"{}", [])


class Sent(Future):
    """What a client returns; `get` waits for nothing: `meanwhile` is what happens while it would."""

    def __init__(self, meanwhile: Callable[[], object]):
        super().__init__()
        self.meanwhile = meanwhile

    def get(self, timeout: float) -> Any:
        self.meanwhile()
        raise KafkaTimeoutError(f"not within {timeout} s")


class Client:
    """A kafka-python producer with records in flight: closing it in no time raises, as that library does."""

    def __init__(self, **_options: Any):
        self._sender = self
        self.sent: list[Sent] = []
        self.meanwhile: Callable[[], object] = lambda: None
        self.ended = self.closed = False

    def _wait_on_metadata(self, _topic: str, _max_wait_ms: float) -> set[int]:
        return {0}

    def send(self, _topic: str, **_record: Any) -> Sent:
        self.sent.append(Sent(self.meanwhile))
        return self.sent[-1]

    def force_close(self) -> None:
        self.ended = True

    def close(self, timeout: float) -> None:
        self.closed = True
        raise KafkaTimeoutError("records are in flight")


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """All clients that have been made."""
    made: list[Client] = []

    def make(**options: Any) -> Client:
        made.append(Client(**options))
        return made[-1]

    monkeypatch.setattr(module, "KafkaProducer", make)
    return made


@pytest.fixture
def producer(clients: list[Client]) -> Producer:
    return Producer(KafkaSettings())


def test_who_publishes_is_told_so_however_the_client_ends(producer: Producer, clients: list[Client]) -> None:
    with pytest.raises(NotPublished):
        producer.publish([RECORD])
    (client,) = clients
    assert client.ended
    assert client.closed


def test_a_stop_while_the_broker_does_not_answer_is_a_stop(producer: Producer, clients: list[Client]) -> None:
    producer.send(RECORD)
    producer.close(timeout=0.1)
    (client,) = clients
    assert client.ended
    assert client.closed


def test_whose_record_fails_last_leaves_the_client_alone_that_another_has_made(
    producer: Producer, clients: list[Client]
) -> None:
    def another() -> None:
        clients[0].sent[0].failure(KafkaTimeoutError())
        producer.send(RECORD)

    producer.send(RECORD)
    clients[0].meanwhile = another
    with pytest.raises(NotPublished):
        producer.publish([RECORD])
    assert [client.ended for client in clients] == [True, False]


def test_a_client_is_dropped_once_for_all_the_records_it_loses(producer: Producer, clients: list[Client]) -> None:
    first, second = producer.send(RECORD), producer.send(RECORD)
    first.failure(KafkaTimeoutError())
    third = producer.send(RECORD)
    second.failure(KafkaTimeoutError())
    assert third in clients[1].sent
    assert [client.ended for client in clients] == [True, False]


def test_a_record_that_is_too_large_is_not_the_clients_fault(producer: Producer, clients: list[Client]) -> None:
    producer.send(RECORD).failure(MessageSizeTooLargeError())
    assert not clients[0].ended


def test_a_client_that_cannot_be_made_is_told_in_the_same_words(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_options: Any) -> Client:
        raise KafkaTimeoutError("no broker")

    monkeypatch.setattr(module, "KafkaProducer", fail)
    with pytest.raises(NotPublished):
        producer.publish([RECORD])


def test_in_an_outage_all_who_wait_are_told_by_their_own_deadline(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once, most = threading.Semaphore(1), 0.0

    def no_broker(bootstrap_timeout_ms: int, **_options: Any) -> Client:
        assert at_once.acquire(blocking=False), "one at a time"
        time.sleep(bootstrap_timeout_ms / 1000)
        at_once.release()
        raise KafkaTimeoutError("no broker")

    def answered() -> float:
        began = time.monotonic()
        with pytest.raises(NotPublished):
            producer.publish([RECORD])
        return time.monotonic() - began

    monkeypatch.setattr(module, "KafkaProducer", no_broker)
    producer._timeout = 2
    with ThreadPoolExecutor(8) as people:
        most = max(one.result() for one in [people.submit(answered) for _ in range(8)])
    assert most < 8, "the second waits for as long as the first, and so on"


def test_who_waits_gets_the_client_that_another_has_created(
    producer: Producer, clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = module.KafkaProducer

    def slow(**options: Any) -> Any:
        time.sleep(0.1)
        return make(**options)

    monkeypatch.setattr(module, "KafkaProducer", slow)
    with ThreadPoolExecutor(5) as people:
        list(people.map(producer.send, [RECORD] * 5))
    assert [len(client.sent) for client in clients] == [5]


def test_a_client_that_is_created_while_the_producer_is_closed_is_closed_too(
    producer: Producer, clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    make = module.KafkaProducer

    def meanwhile(**options: Any) -> Any:
        producer.close()
        return make(**options)

    monkeypatch.setattr(module, "KafkaProducer", meanwhile)
    with pytest.raises(NotPublished):
        producer.publish([RECORD])
    assert clients[0].ended


def test_a_caller_with_little_time_left_does_not_wait_for_metadata_any_longer(
    producer: Producer, clients: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []
    monkeypatch.setattr(Client, "_wait_on_metadata", lambda _client, _topic, most_ms: waited.append(most_ms) or {0})
    producer._timeout = 0.5
    producer.send(RECORD)
    producer._timeout = 60
    producer.send(RECORD)
    assert waited[0] <= 500
    assert waited[1] == 3_000


def test_a_partition_that_is_not_there_is_for_another_try(producer: Producer, clients: list[Client]) -> None:
    def unrecognized(*_arguments: Any, **_record: Any) -> Any:
        raise ValueError("Unrecognized partition 0 for topic image")

    producer.send(RECORD)
    clients[0].send = unrecognized  # type: ignore[method-assign]
    with pytest.raises(NotPublished):
        producer.publish([Outgoing("image", None, b"{}", [], partition=0)])
    assert not clients[0].ended, "others may be using it"
