"""The hash of a key, which chooses its partition, is computed byte by byte.

Symptom: it takes 15 µs for a key of 37 bytes, as long as all else that building the record takes. Here it is computed
word by word, with the same result. Seen in kafka-python 3.0.12. No public issue known.
"""

import struct

from kafka.partitioner import default

SEED = 0x9747B28C
MULTIPLIER = 0x5BD1E995
MASK = 0xFFFFFFFF


def apply() -> None:
    default.murmur2 = murmur2


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, as Kafka's `org.apache.kafka.common.utils.Utils.murmur2` computes it; without sign."""
    words = len(data) // 4
    hashed = SEED ^ len(data)
    for word in struct.unpack_from(f"<{words}I", data):
        mixed = word * MULTIPLIER & MASK
        hashed = (hashed * MULTIPLIER & MASK) ^ ((mixed ^ mixed >> 24) * MULTIPLIER & MASK)
    if rest := data[words * 4 :]:
        hashed = (hashed ^ int.from_bytes(rest, "little")) * MULTIPLIER & MASK
    hashed = (hashed ^ hashed >> 13) * MULTIPLIER & MASK
    return hashed ^ hashed >> 15
