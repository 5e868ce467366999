"""The admin client raises on authorised operations that it does not know.

Symptom: `describe_cluster` and `describe_groups` raise ValueError against Tansu, which sets bits that stand for no
operation. Seen in kafka-python 3.0.12. No public issue known.
"""

from typing import Any

from kafka import KafkaAdminClient


def apply() -> None:
    KafkaAdminClient._process_acl_operations = _unchanged


def _unchanged(_admin: Any, described: Any) -> Any:
    return described
