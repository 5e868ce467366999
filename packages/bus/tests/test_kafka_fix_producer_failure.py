"""A producer with records in flight is closed all the same; which failures it does not survive."""

from typing import Any

import pytest
from bus.kafka_fixes import breaks_producer, close_producer
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, RecordListTooLargeError, UnknownProducerIdError


class InFlight:
    """A kafka-python producer with records in flight."""

    def __init__(self) -> None:
        self._sender: Any = self
        self.forced = False

    def close(self, timeout: float) -> None:
        raise KafkaTimeoutError(f"not within {timeout} s")

    def force_close(self) -> None:
        self.forced = True


def test_a_producer_with_records_in_flight_is_closed_by_force() -> None:
    producer = InFlight()
    close_producer(producer, timeout=0)
    assert producer.forced


@pytest.mark.parametrize("error", [KafkaTimeoutError(), UnknownProducerIdError()])
def test_a_producer_that_failed_is_replaced(error: Exception) -> None:
    assert breaks_producer(error)


@pytest.mark.parametrize("error", [MessageSizeTooLargeError(), RecordListTooLargeError()])
def test_a_record_that_is_too_large_is_not_its_fault(error: Exception) -> None:
    assert not breaks_producer(error)
