"""Workers that a failure test must find out, in place of grayscale-worker: `lossy` or `telling-twice`.

It runs in that service's image. `lossy` commits what it has not done yet, and dies now and then; `telling-twice`
publishes each result twice, as two events.
"""

import json
import os
import sys
import uuid

from events import ImageUploaded
from grayscale_worker.__main__ import operation
from kafka import KafkaConsumer, KafkaProducer

LOSSY = sys.argv[1:] == ["lossy"]
DIES_AT_EVERY = 5

servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
consumer = KafkaConsumer(
    "image", bootstrap_servers=servers, group_id="grayscale-worker", auto_offset_reset="earliest",
    enable_auto_commit=False, max_poll_records=1, session_timeout_ms=6000,
)  # fmt: skip
producer = KafkaProducer(bootstrap_servers=servers)
for number, record in enumerate(consumer, 1):
    if LOSSY:
        consumer.commit()
        if number % DIES_AT_EVERY == 0:
            os._exit(1)
    upload = ImageUploaded.decode(record.value)
    result = operation(upload.new_file)
    value = json.dumps(json.loads(record.value) | {"operation": "grayscale", "status": "done", "result": result})
    for _ in range(1 if LOSSY else 2):
        producer.send("notification", value.encode(), record.key, [("ce_id", uuid.uuid4().hex.encode())])
    producer.flush()
    consumer.commit()
