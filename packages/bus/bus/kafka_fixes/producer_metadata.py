"""`send` waits for metadata as it was configured, not as long as its caller can; and it trusts metadata it has.

Symptom of the first: a caller with half a second left waits `max_block_ms`. Symptom of the second: partitions that a
topic has been given are refused (ValueError) until metadata is `metadata_max_age_ms` old, five minutes. Seen in
kafka-python 3.0.12. No public issue known.
"""

import threading
import time
from typing import Any

from kafka.errors import KafkaError

RETRY_SECONDS = 0.1


class MissingPartition(KafkaError):
    """The topic has no such partition, as far as metadata tells."""


def await_metadata(producer: Any, topic: str, partition: int | None, seconds: float, max_seconds: float) -> None:
    """Wait until `producer` knows the topic, at most the lesser time, and the partition, if one is given.

    Raises KafkaTimeoutError where the topic is not known in time, MissingPartition.
    """
    deadline = time.monotonic() + seconds
    partitions = producer._wait_on_metadata(topic, max(1, min(seconds, max_seconds) * 1000))
    while partition is not None and partition not in partitions:
        _refresh(producer, deadline)
        partitions = producer._metadata.partitions_for_topic(topic) or ()
        if partition not in partitions:
            if time.monotonic() + RETRY_SECONDS > deadline:
                raise MissingPartition(f"{topic} has no partition {partition}")
            time.sleep(RETRY_SECONDS)


def _refresh(producer: Any, deadline: float) -> None:
    updated = threading.Event()
    producer._metadata.request_update().add_both(lambda _result: updated.set())
    producer._sender.wakeup()
    updated.wait(max(0.0, deadline - time.monotonic()))
