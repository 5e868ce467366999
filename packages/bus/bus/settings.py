"""How to reach the cluster, and what topics and groups are called there."""

import os
import re
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import AliasChoices, Field, NonNegativeInt, PositiveInt, SecretStr, model_validator
from service import Settings


class KafkaSettings(Settings):
    """How to reach the cluster, and what topics and groups are called there."""

    kafka_bootstrap_servers: str = Field(
        "localhost:9092", validation_alias=AliasChoices("kafka_bootstrap_servers", "kafka_host_url")
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-256"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Path | None = None
    kafka_topic_prefix: str = ""
    kafka_group_prefix: str = ""
    kafka_group_id: str | None = None
    kafka_session_timeout_ms: PositiveInt = 15_000
    kafka_fetch_max_wait_ms: PositiveInt = 2_000
    kafka_partitions: PositiveInt = 6
    kafka_replication_factor: PositiveInt = 1
    kafka_retention_hours: PositiveInt = 168
    kafka_create_topics: bool = True
    dead_letters_in_a_row: NonNegativeInt = 100
    """How many dead letters of a handler follow each other before its partition is paused; 0: any number."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for server in self.servers or [self.kafka_bootstrap_servers]:
            if not re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}", server):
                raise ValueError(f"KAFKA_BOOTSTRAP_SERVERS: {server!r} is not of the form host:port")
        if self.kafka_security_protocol.startswith("SASL"):
            for name in ("kafka_sasl_username", "kafka_sasl_password"):
                if not getattr(self, name):
                    raise ValueError(
                        f"{name.upper()}: is needed with KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol}"
                    )
        if self.kafka_ssl_cafile and not self.kafka_ssl_cafile.is_file():
            raise ValueError(f"KAFKA_SSL_CAFILE: {self.kafka_ssl_cafile} is not there")
        for variable, topic in (self._exact_topics | {"KAFKA_TOPIC_PREFIX": self.kafka_topic_prefix or "x"}).items():
            if not re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", topic):
                raise ValueError(f"{variable}: {topic!r} cannot be the name of a topic")
        return self

    @cached_property
    def _exact_topics(self) -> dict[str, str]:
        return {
            name.upper(): value
            for name, value in os.environ.items()
            if name.upper().startswith("KAFKA_TOPIC_") and name.upper() != "KAFKA_TOPIC_PREFIX" and value
        }

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.kafka_bootstrap_servers.split(",") if server.strip()]

    def topic(self, name: str) -> str:
        """What the suite's topic `name` is called on this cluster: `KAFKA_TOPIC_NAME` wins over the prefix."""
        return self._exact_topics.get(_variable(name)) or f"{self.kafka_topic_prefix}{name}"

    def group(self, service: str) -> str:
        """The consumer group of `service` on this cluster."""
        return f"{self.kafka_group_prefix}{self.kafka_group_id or service}"

    def connection(self) -> dict[str, Any]:
        """What every kafka-python client is given: where the cluster is and how to enter it."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "security_protocol": self.kafka_security_protocol,
            # Half a minute of pauses, the library's own limit, is too long for people who look on.
            "reconnect_backoff_max_ms": 2_000,
        }
        if self.kafka_security_protocol.startswith("SASL"):
            assert self.kafka_sasl_password is not None  # held by _complete
            options |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_sasl_username,
                "sasl_plain_password": self.kafka_sasl_password.get_secret_value(),
            }
        if self.kafka_ssl_cafile:
            options["ssl_cafile"] = str(self.kafka_ssl_cafile)
        return options


@cache
def _variable(topic: str) -> str:
    return "KAFKA_TOPIC_" + re.sub(r"[^A-Z0-9]", "_", topic.upper())
