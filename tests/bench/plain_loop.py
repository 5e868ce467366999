"""What the runtime is compared with: kafka-python in a loop, with a flush and a commit after each poll."""

import json

from bench.handled import ANSWERING, Given, answer, tell_first
from kafka import KafkaConsumer, KafkaProducer

POLL_MS = 500

producer = KafkaProducer(bootstrap_servers=Given.servers)
consumer = KafkaConsumer(
    Given.records,
    bootstrap_servers=Given.servers,
    group_id=Given.group,
    auto_offset_reset="earliest",
    enable_auto_commit=False,
    session_timeout_ms=Given.session_timeout_ms,
    fetch_max_wait_ms=Given.fetch_max_wait_ms,
)
while True:
    batches = consumer.poll(POLL_MS)
    for records in batches.values():
        for record in records:
            upload = json.loads(record.value)
            tell_first()
            if ANSWERING:
                producer.send(Given.answers, json.dumps(answer(upload)).encode(), record.key)
    if batches:
        producer.flush()
        consumer.commit()
