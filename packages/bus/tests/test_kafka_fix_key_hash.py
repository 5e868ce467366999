"""kafka_fixes/key_hash.py: the hash that chooses the partition is Kafka's own."""

import random
from importlib import util
from typing import Any

import pytest
from bus import kafka_fixes
from bus.kafka_fixes.key_hash import murmur2
from kafka.partitioner import default

KAFKAS_OWN = {  # from org.apache.kafka.common.utils.UtilsTest.testMurmur2
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), KAFKAS_OWN.items())
def test_it_is_what_kafka_computes(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % 2**32


def test_keys_of_every_length_keep_their_partition() -> None:
    spec: Any = util.spec_from_file_location("kafka.partitioner.upstream", default.__file__)
    upstream = util.module_from_spec(spec)
    spec.loader.exec_module(upstream)  # anew: the imported module is patched
    rng = random.Random(9)
    for length in range(100):
        key = rng.randbytes(length)
        assert murmur2(key) == upstream.murmur2(key)


def test_the_partitioner_uses_it() -> None:
    kafka_fixes.apply()
    assert default.murmur2 is murmur2
