"""Settings from the environment: typed, secrets from files, one clear line where a value is wrong."""

import os
import re
import sys
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, AliasChoices, Field, PositiveInt, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

EXIT_CONFIG = 78
"""Exit status of a service that was started with a wrong setting (EX_CONFIG of sysexits.h)."""

S = TypeVar("S", bound="Settings")
B = TypeVar("B", bound=BaseSettings)


class SecretFiles(EnvSettingsSource):
    """Any setting `X` may be given as a file: `X_FILE` names it; the trailing line end is not part of the value."""

    def _load_env_vars(self) -> dict[str, str | None]:
        env = {name.lower(): value for name, value in os.environ.items()}
        found: dict[str, str | None] = {}
        for name, path in env.items():
            if name.endswith("_file") and path and not env.get(name.removesuffix("_file")):
                setting = name.removesuffix("_file")
                if setting in self._names():
                    found[setting] = _read_secret(name, path)
        return found

    def _names(self) -> set[str]:
        names = set()
        for name, field in self.settings_cls.model_fields.items():
            alias = field.validation_alias
            choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
            names |= {str(choice).lower() for choice in choices}
        return names


PublicUrl = Annotated[
    str,
    Field(validation_alias=AliasChoices("public_url", "gateway_url")),
    AfterValidator(lambda url: url.rstrip("/")),
]
"""Where people reach the suite: PUBLIC_URL; without it GATEWAY_URL, which docker-compose.yml makes of host and port."""


class WrongSetting(ValueError):
    """A setting has a value that cannot be used; the message names the variable."""


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{name.upper()}: {path} cannot be read: {error}") from None


class Settings(BaseSettings):
    """Base of every service's settings. An empty variable counts as not set, as compose files pass them on."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls, env_ignore_empty=True)

    @classmethod
    def load(cls: type[S]) -> S:
        """Read the settings, or end the process with status 78 and one line that names the variable."""
        return load(cls)


def load(settings: type[B]) -> B:
    """The settings of that class, read from the environment, or the end of the process: status 78, and one line."""
    try:
        return settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        line = f"{name}: {message}" if name else message
    except WrongSetting as error:
        line = str(error)
    print(f"wrong setting: {line}", file=sys.stderr, flush=True)
    raise SystemExit(EXIT_CONFIG)


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
    kafka_fetch_max_wait_ms: PositiveInt = 500
    kafka_partitions: PositiveInt = 6
    kafka_replication_factor: PositiveInt = 1
    kafka_retention_hours: PositiveInt = 168
    kafka_create_topics: bool = True

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


def _variable(topic: str) -> str:
    return "KAFKA_TOPIC_" + re.sub(r"[^A-Z0-9]", "_", topic.upper())
