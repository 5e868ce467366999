"""What the consumer runtime costs by itself: records to a handler that does nothing, or to a bare loop.

python noop.py loop|worker|answering RECORDS        prints the seconds from the first record to the last
"""

import sys
import time
from collections.abc import Callable

from bus import ImageUploaded, KafkaSettings, OperationFinished, Worker
from bus.clients import connect_consumer


def counting(records: int) -> Callable[[], None]:
    """What is to be called for each record, and prints how long all took."""
    seen, began = 0, 0.0

    def count() -> None:
        nonlocal seen, began
        began = began or time.monotonic()
        seen += 1
        if seen == records:
            print("seconds", time.monotonic() - began, flush=True)

    return count


def main(kind: str, count: Callable[[], None]) -> None:
    if kind == "loop":
        settings = KafkaSettings.load()
        consumer = connect_consumer(settings, group_id=settings.group("loop"), session_timeout_ms=6_000)
        consumer.subscribe([settings.topic("image")])
        while True:
            for batch in consumer.poll(500).values():
                for _record in batch:
                    count()
    worker = Worker(kind)
    if kind == "worker":

        @worker.on("image")
        def ignore(upload: ImageUploaded) -> None:
            count()
    else:

        @worker.on("image", publishes="notification")
        def answer(upload: ImageUploaded) -> OperationFinished:
            count()
            return upload.finished("nothing", upload.new_file)

    worker.run()


main(sys.argv[1], counting(int(sys.argv[2])))
