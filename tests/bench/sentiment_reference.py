"""What the sentiment consumer is compared with: one as courses teach it, one loop, one message at a time.

Every message is padded to 160 tokens; weights are as they were saved, of 32 bits.

python sentiment_reference.py MODEL TOPIC ANSWERS
"""

import json
import os
import sys

import torch
from kafka import KafkaConsumer, KafkaProducer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

folder, topic, answers = sys.argv[1:]
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
labels = ["negative", "neutral", "positive"]
server = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
producer = KafkaProducer(bootstrap_servers=server, value_serializer=lambda event: json.dumps(event).encode())
consumer = KafkaConsumer(
    topic,
    bootstrap_servers=server,
    group_id="reference-sentiment",
    auto_offset_reset="earliest",
    value_deserializer=json.loads,
    session_timeout_ms=int(os.environ["KAFKA_SESSION_TIMEOUT_MS"]),
    fetch_max_wait_ms=int(os.environ.get("KAFKA_FETCH_MAX_WAIT_MS", "500")),
)
for message in consumer:
    said = message.value
    tokens = tokenizer(said["pergunta"], padding="max_length", max_length=160, truncation=True, return_tensors="pt")
    with torch.no_grad():
        probabilities = torch.softmax(model(**tokens).logits, dim=1)[0].tolist()
    confidence = max(probabilities)
    sentiment = labels[probabilities.index(confidence)]
    producer.send(answers, {"sessao": said["sessao"], "sentimento": sentiment, "confianca": confidence})
