"""The one-shot step before any service starts: `python -m bus.create_topics`.

Creates the topics that are missing, checks those that are there, and ends: status 0, or 78 with one line. Told to stop
before that it ends with 143 (SIGTERM) or 130 (SIGINT): who waits for the topics must not think that they are there.
"""

import signal
import sys

from events.catalogue import all_topics
from service import EXIT_CONFIG, log

from .clients import connect_admin
from .settings import KafkaSettings
from .topics import MissingTopics, WrongPartitions, ensure


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):  # the first process of a container hears only what it listens for
        signal.signal(number, lambda number, _frame: sys.exit(128 + number))
    log.configure("topics")
    settings = KafkaSettings.load()
    with connect_admin(settings) as admin:
        try:
            created = ensure(admin, settings, all_topics(), strict=True)
        except (WrongPartitions, MissingTopics) as error:
            print(f"topics: {error}", file=sys.stderr, flush=True)
            return EXIT_CONFIG
    log.get_logger(__name__).info("topics are ready", created=created, topics=len(all_topics()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
