"""What the figures are compared with: a consumer as courses teach it, one loop, one picture at a time.

Offsets are committed by the library, now and then. The result keeps the quality of the original, by its own tables
and subsampling: `quality="keep"` is only for pictures that were not changed.

python reference.py rotate|grayscale FOLDER TOPIC ANSWERS
"""

import json
import os
import sys

from kafka import KafkaConsumer, KafkaProducer
from PIL import Image, ImageOps, JpegImagePlugin

operation, folder, topic, answers = sys.argv[1:]
server = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
producer = KafkaProducer(bootstrap_servers=server, value_serializer=lambda event: json.dumps(event).encode())
consumer = KafkaConsumer(
    topic,
    bootstrap_servers=server,
    group_id=f"reference-{operation}",
    auto_offset_reset="earliest",
    value_deserializer=json.loads,
    session_timeout_ms=int(os.environ["KAFKA_SESSION_TIMEOUT_MS"]),
    fetch_max_wait_ms=int(os.environ.get("KAFKA_FETCH_MAX_WAIT_MS", "500")),
)
for message in consumer:
    new_file = message.value["new_file"]
    picture = Image.open(f"{folder}/uploads/{new_file}")
    changed = picture.transpose(Image.Transpose.ROTATE_180) if operation == "rotate" else ImageOps.grayscale(picture)
    result = f"processed/{operation}/{new_file}"
    kept = {"qtables": picture.quantization, "subsampling": JpegImagePlugin.get_sampling(picture)}
    changed.save(f"{folder}/{result}", **kept)
    producer.send(answers, {"new_file": new_file, "operation": operation, "status": "done", "result": result})
