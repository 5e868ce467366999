"""The same handlers on FastStream, at least once: it commits after each record."""

import asyncio
from typing import Any

from bench.handled import ANSWERING, Given, answer, tell_first
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage

broker = KafkaBroker(Given.servers, logger=None)
records = broker.subscriber(
    Given.records, group_id=Given.group, auto_offset_reset="earliest", ack_policy=AckPolicy.NACK_ON_ERROR
)

if ANSWERING:

    @records
    async def handle(upload: dict[str, Any], message: KafkaMessage) -> None:
        tell_first()
        await broker.publish(answer(upload), Given.answers, key=message.raw_message.key())
else:

    @records
    async def ignore(upload: dict[str, Any]) -> None:
        tell_first()


asyncio.run(FastStream(broker, logger=None).run())
