"""A producer that failed neither recovers nor closes.

Symptom of the first: an idempotent producer that lost its id or its sequence (UnknownProducerIdError,
OutOfOrderSequenceNumberError) fails every record from then on (https://github.com/dpkp/kafka-python/pull/2663, open).
So whoever owns it replaces it after any failure that `breaks_producer`.

Symptom of the second: `close` begins with a flush, which raises KafkaTimeoutError where records are still in flight,
and leaves the sender thread running. No public issue known. Both seen in kafka-python 3.0.12.
"""

from typing import Any

from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from .producer_metadata import MissingPartition

TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)


def breaks_producer(error: Exception) -> bool:
    """Whether the producer has to be replaced after `error`."""
    return not isinstance(error, (*TOO_LARGE, MissingPartition))


def close_producer(producer: Any, timeout: float) -> None:
    """Send what is buffered for at most `timeout` seconds, then end the sender thread in any case."""
    try:
        producer.close(timeout=timeout)
    except KafkaError:
        producer._sender.force_close()
