"""Whether a broker keeps fetch sessions cannot be asked for.

Without them (the embedded broker) each fetch names all partitions, and so does each answer: then idle partitions cost
as much as others. The library knows, and does not tell. Seen in kafka-python 3.0.12.
"""

from typing import Any


def has_fetch_sessions(consumer: Any) -> bool:
    """Whether a broker has answered a fetch of this consumer, and keeps a session for it."""
    return any(handler.next_metadata.session_id > 0 for handler in consumer._fetcher._session_handlers.values())
