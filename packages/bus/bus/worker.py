"""How a worker is declared: handlers are functions from an event to events.

    worker = Worker("rotate-worker")

    @worker.on("image", publishes="notification")
    def rotate(upload: ImageUploaded) -> OperationFinished: ...

    if __name__ == "__main__":
        worker.run()

What a handler raises decides what becomes of the record (errors.py). A handler whose parameter is a list of events
takes a batch. The runtime (runtime.py) does the rest.
"""

import sys
from collections.abc import Callable
from typing import Literal

from service import metrics

from .errors import PermanentError
from .handler import Function, Handler
from .kafka_cluster import KafkaCluster
from .metrics import WorkerCollector
from .runtime import Runtime
from .settings import KafkaSettings


class Worker:
    """A service that consumes topics as one consumer group, named after it."""

    def __init__(self, name: str, permanent_errors: type[Exception] | tuple[type[Exception], ...] = ()):
        """`permanent_errors`: what no second attempt mends, besides PermanentError: dead letters at once."""
        self.name = name
        self.permanent_errors: tuple[type[Exception], ...] = (
            PermanentError,
            *(permanent_errors if isinstance(permanent_errors, tuple) else (permanent_errors,)),
        )
        self.handlers: dict[str, Handler] = {}

    def on(  # noqa: PLR0913 - all but the topic by name
        self,
        topic: str,
        publishes: str | tuple[str, ...] = (),
        *,
        sandboxed: bool = False,
        concurrency: int = 1,
        ordered_by: Literal["key"] | None = None,
        delay_seconds: float = 0.0,
    ) -> Callable[[Function], Handler]:
        """Decorates the handler of `topic`; what it returns goes to the topic `publishes` (of several: by its type).

        A handler of a list returns a list as long: for each event what that one is answered with. A handler with a
        second parameter, a `State`, remembers across restarts what it has done (state.py).

        `concurrency`: how many records are handled at a time, in threads; with more than one their order is not
        kept. `sandboxed`: in child processes, one a core as memory allows, with limits of memory and time;
        `concurrency` then counts for each child, where one waits for the disk while another has the core.

        `ordered_by="key"` keeps the order of records with the same key all the same: the next one waits until the
        first is done, retries included. Others pass.

        `delay_seconds`: how old a record is before it is handled, by its timestamp: the topic is a delay topic.

        Raises TypeError or ValueError, one sentence, for what cannot work.
        """

        def declare(function: Function) -> Handler:
            topics = (publishes,) if isinstance(publishes, str) else publishes
            handler = Handler(
                function, topic, topics, sandboxed, concurrency, self.permanent_errors, ordered_by, delay_seconds
            )
            if topic in self.handlers:
                other = self.handlers[topic].name
                raise ValueError(f"{handler.name} and {other} both handle {topic!r}: one handler for each topic")
            self.handlers[topic] = handler
            return handler

        return declare

    def run(self) -> None:
        """Consume until SIGTERM or SIGINT; ends the process with status 0 then.

        With 70 after a stall, with 78 where a setting is wrong, such as a login that the broker refuses.
        """
        settings = KafkaSettings.load()
        runtime = Runtime(self.name, self.handlers, settings, KafkaCluster(settings))
        if listener := metrics.listen():  # after the fork of what forks children, which must not hold the port
            metrics.serve(listener, [WorkerCollector(runtime)])
        sys.exit(runtime.run())
