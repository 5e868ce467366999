"""What handlers of all programs do, suite and peers: tell of the first record, answer a record. Standard library only.

Programs take one argument, `nothing` or `answering`, and what else they need from the environment (`Given`).
"""

import os
import sys
import time
from functools import cache
from typing import Any

ANSWERING = sys.argv[1:] == ["answering"]
COMMIT_EVERY_SECONDS = 0.1
"""As the suite's worker does under load: for programs that commit by time."""


class Given:
    """Where a program finds its records, and where its answers go."""

    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    group = os.environ["KAFKA_GROUP_ID"]
    records = os.environ["KAFKA_TOPIC_IMAGE"]
    answers = os.environ["KAFKA_TOPIC_NOTIFICATION"]
    session_timeout_ms = int(os.environ["KAFKA_SESSION_TIMEOUT_MS"])
    fetch_max_wait_ms = int(os.environ.get("KAFKA_FETCH_MAX_WAIT_MS", "500"))


@cache
def tell_first() -> None:
    """Print when the first record was handled, and the CPU time that the process had taken until then."""
    print("first", time.monotonic(), time.process_time(), flush=True)


def answer(upload: dict[str, Any]) -> dict[str, Any]:
    """The event that answers an upload."""
    carried = {name: upload[name] for name in ("new_file", "original_name", "email", "telegram_id", "lang")}
    result = {"operation": "nothing", "status": "done", "result": upload["new_file"], "reason": None}
    return {"timestamp": time.time()} | carried | result
