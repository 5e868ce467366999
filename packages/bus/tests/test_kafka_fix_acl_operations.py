"""Authorised operations that the library does not know do not raise."""

from bus import kafka_fixes
from kafka import KafkaAdminClient


def test_bits_that_stand_for_no_operation_are_left_alone() -> None:
    kafka_fixes.apply()
    described = {"authorized_operations": [0, 99]}
    admin = object.__new__(KafkaAdminClient)
    assert admin._process_acl_operations(described) == {"authorized_operations": [0, 99]}
