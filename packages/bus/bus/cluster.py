"""Looks at the cluster on behalf of pages: does it answer, who is in which group."""

import threading
import time

from events.catalogue import consumers
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from .clients import create_client
from .settings import KafkaSettings

FRESH_SECONDS = 2.0


class ClusterView:
    """One admin client for a process, asked at most every two seconds, however many pages ask. Thread-safe."""

    def __init__(self, settings: KafkaSettings):
        self._settings = settings
        self._lock = threading.Lock()
        self._admin: KafkaAdminClient | None = None
        self._members: tuple[float, dict[str, int]] = (float("-inf"), {})
        self._answered: tuple[float, str | None] = (float("-inf"), None)

    def problem(self) -> str | None:
        """None where a broker answers, else why not, in a few words."""
        with self._lock:
            at, problem = self._answered
            if time.monotonic() - at > FRESH_SECONDS:
                try:
                    self._client().describe_cluster()
                    problem = None
                except (KafkaError, OSError) as error:
                    self._drop()
                    problem = f"no broker answers at {self._settings.kafka_bootstrap_servers} ({type(error).__name__})"
                self._answered = (time.monotonic(), problem)
            return problem

    def members(self) -> dict[str, int]:
        """How many consumers are in the group of each service. Raises ConnectionError where no broker answers."""
        with self._lock:
            at, members = self._members
            if time.monotonic() - at > FRESH_SECONDS:
                names = {self._settings.group(service): service for service in sorted(consumers())}
                try:
                    found = self._client().describe_groups(list(names))
                except (KafkaError, OSError) as error:
                    self._drop()
                    raise ConnectionError(f"{type(error).__name__}: {error}") from error
                members = dict.fromkeys(names.values(), 0)
                for group, description in found.items():
                    members[names[group]] = len(description["members"])
                self._members = (time.monotonic(), members)
            return members

    def _client(self) -> KafkaAdminClient:
        if self._admin is None:
            options = self._settings.connection() | {"bootstrap_timeout_ms": 2_000, "request_timeout_ms": 3_000}
            self._admin = create_client(KafkaAdminClient, **options)
        return self._admin

    def _drop(self) -> None:
        admin, self._admin = self._admin, None
        if admin:
            admin.close()
