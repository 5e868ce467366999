"""How a worker is declared: handlers are functions from an event to events.

    worker = Worker("rotate-worker")

    @worker.on("image", publishes="notification")
    def rotate(upload: ImageUploaded) -> OperationFinished: ...

    if __name__ == "__main__":
        worker.run()

What a handler raises decides what becomes of the record (errors.py). A handler whose parameter is a list of events
takes a batch. The runtime (runtime.py) does the rest.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, get_args, get_origin

from .children import places
from .errors import Final, Passing
from .events import Encoded, Event
from .memory import Memory
from .topics import TOPICS

Result = Event | Sequence[Event] | None
Function = Callable[..., Result | Sequence[Result]]
Failed = Callable[[Any, Exception], Result]


@dataclass
class Outcome:
    """What came of calling a handler: the error, told apart by what helps against it, and what is to be published.

    `events` holds a list for each event that the handler was given.
    """

    kind: Literal["done", "passing", "final", "unexpected"]
    events: list[list[Encoded]]
    error: str = ""
    message: str = ""
    trace: str = ""
    after: float = 0.0

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> "Outcome":
        """The outcome that a child process has sent."""
        return cls(**answer | {"events": [[Encoded(*event) for event in events] for events in answer["events"]]})


@dataclass
class Handler:
    """A function that answers the events of one topic. Calling it calls the function."""

    function: Function
    topic: str
    publishes: tuple[str, ...]
    in_child: bool
    side_by_side: int
    remembers: bool
    event: type[Event]
    batch: bool
    final: tuple[type[Exception], ...]
    failure: Failed | None = None

    @cached_property
    def slots(self) -> int:
        """How many calls may be under way."""
        return self.side_by_side * places() if self.in_child else self.side_by_side

    def __call__(self, *arguments: Any) -> Result | Sequence[Result]:
        return self.function(*arguments)

    def on_failure(self, function: Failed) -> Failed:
        """Decorates what answers an event (or builds on it) that never will succeed; it also gets the error."""
        self.failure = function
        return function

    def outcome(self, event: Any, *memory: Any) -> Outcome:
        """Call the function on an event (or a list of them) and sort what it raises."""
        try:
            result: Any = self.function(event, *memory)
            if self.batch and len(result) != len(event):
                raise ValueError(f"{self.name} was given {len(event)} events and answered {len(result)}")
            return Outcome("done", [_encoded(one) for one in result] if self.batch else [_encoded(result)])
        except self.final as error:
            return self.give_up(event, error)
        except (Passing, OSError) as error:
            return _failed("passing", error)
        except Exception as error:
            return _failed("unexpected", error)

    def give_up(self, event: Any, error: Exception) -> Outcome:
        """The outcome where no try will succeed: what `on_failure` answers, beside the dead letter."""
        if isinstance(event, list):
            if len(event) > 1:  # the runtime tries them one by one, and finds the one that is to blame
                return _failed("final", error, [])
            event = event[0]
        try:
            answer = _encoded(self.failure(event, error)) if self.failure else []
        except Exception as second:
            return _failed("passing", second)
        return _failed("final", error, [answer])

    def outcome_in_child(self, request: dict[str, list[str]]) -> dict[str, Any]:
        """`outcome` from JSON to JSON: this is what a child process runs."""
        events = [self.event.decode(value.encode()) for value in request["events"]]
        return asdict(self.outcome(events if self.batch else events[0]))

    def topic_of(self, event: Encoded) -> str:
        """Which of the topics it publishes to takes `event`."""
        for topic in self.publishes:
            if len(self.publishes) == 1 or TOPICS[topic].event.type == event.type:
                return topic
        raise ValueError(f"{self.name} answers {event.type}, which none of its topics carries")

    @property
    def name(self) -> str:
        return self.function.__name__


class Worker:
    """A service that consumes topics as one consumer group, named after it."""

    def __init__(self, name: str, final: type[Exception] | tuple[type[Exception], ...] = ()):
        """`final`: exceptions of handlers that no second try mends, besides `Final`: dead letters at once."""
        self.name = name
        self.final: tuple[type[Exception], ...] = (Final, *(final if isinstance(final, tuple) else (final,)))
        self.handlers: dict[str, Handler] = {}

    def on(
        self, topic: str, publishes: str | tuple[str, ...] = (), in_child: bool = False, side_by_side: int = 1
    ) -> Callable[[Function], Handler]:
        """Decorates the handler of `topic`; what it returns goes to the topic `publishes` (of several: by its type).

        A handler of a list returns a list as long: for each event what that one is answered with.

        `side_by_side`: how many records are handled at a time, in threads; with more than one their order is not
        kept. `in_child`: run it in child processes, one a core as memory allows, with limits of memory and time;
        `side_by_side` then counts for each child, where one waits for the disk while another has the core.

        A handler with a second parameter, a `Memory`, remembers across restarts what it has done (memory.py).
        """

        def declare(function: Function) -> Handler:
            event, batch, remembers = _parameters(function)
            topics = (publishes,) if isinstance(publishes, str) else publishes
            handler = Handler(function, topic, topics, in_child, side_by_side, remembers, event, batch, self.final)
            self.handlers[topic] = handler
            return handler

        return declare

    def run(self) -> None:
        """Consume until SIGTERM or SIGINT; ends the process with status 0 then.

        With 70 after a stall, with 78 where a setting is wrong, such as a login that the broker refuses.
        """
        from .runtime import Runtime  # noqa: PLC0415 - a child process needs no Kafka

        sys.exit(Runtime(self).run())


def _encoded(result: Result) -> list[Encoded]:
    events = [result] if isinstance(result, Event) else result or []
    return [event.encoded() for event in events]


def _failed(
    kind: Literal["passing", "final", "unexpected"], error: Exception, events: Sequence[list[Encoded]] = ()
) -> Outcome:
    trace = "".join(traceback.format_exception(error)) if kind == "unexpected" else ""
    after = getattr(error, "after", 0.0)
    return Outcome(kind, list(events), type(error).__name__, str(error)[:1000], trace, after)


def _parameters(function: Function) -> tuple[type[Event], bool, bool]:
    """Which event the function takes, whether a list of them, and whether a memory besides."""
    parameters = [one.annotation for one in inspect.signature(function, eval_str=True).parameters.values()]
    batch = bool(parameters) and get_origin(parameters[0]) is list
    event = get_args(parameters[0])[0] if batch else next(iter(parameters), None)
    remembers = parameters[1:] == [Memory]
    if len(parameters) != 1 + remembers or not (isinstance(event, type) and issubclass(event, Event)):
        raise TypeError(f"{function.__name__} must take an event, or a list of events, and say which in its annotation")
    return event, batch, remembers
