"""A handler: the function that answers the events of one topic, and what comes of calling it."""

import inspect
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args, get_origin

from events import Encoded, Event
from events.catalogue import TOPICS
from sandbox import child_count

from .errors import RetryableError
from .record import timestamp_seconds
from .state import State

Result = Event | Sequence[Event] | None
Function = Callable[..., Result | Sequence[Result]]
OnFailure = Callable[[Any, Exception], Result]


class Answer(NamedTuple):
    """An event, and the topic that it goes to."""

    topic: str
    event: Encoded


@dataclass(slots=True)
class Outcome:
    """What came of calling a handler: the error, told apart by what helps against it, and what is to be published.

    `answers` holds a list for each event that the handler was given.
    """

    kind: Literal["done", "retryable", "permanent", "unexpected"]
    answers: list[list[Answer]]
    error: str = ""
    message: str = ""
    trace: str = ""
    after_seconds: float = 0.0

    @classmethod
    def from_json(cls, answer: dict[str, Any]) -> "Outcome":
        """The outcome that a child process has sent."""
        answers = [[Answer(topic, Encoded(*event)) for topic, event in events] for events in answer["answers"]]
        return cls(**answer | {"answers": answers})

    @classmethod
    def failed(cls, kind: Literal["retryable", "permanent", "unexpected"], error: Exception) -> "Outcome":
        trace = "".join(traceback.format_exception(error)) if kind == "unexpected" else ""
        return cls(kind, [[]], type(error).__name__, str(error)[:1000], trace, getattr(error, "after_seconds", 0.0))


@dataclass(eq=False)
class Handler:
    """A function that answers the events of one topic. Calling it calls the function."""

    function: Function
    topic: str
    publishes: tuple[str, ...]
    sandboxed: bool
    concurrency: int
    permanent_errors: tuple[type[Exception], ...]
    ordered_by: Literal["key"] | None = None
    delay_seconds: float = 0.0
    failure: OnFailure | None = None

    def __post_init__(self) -> None:
        """Raises TypeError or ValueError, one sentence, for what cannot work."""
        self.event, self.batch, self.stateful = _parameters_of(self.function)
        if self.batch and self.stateful:
            raise TypeError(f"{self.name} takes a list of events, so it cannot take a State, which is of one event")
        if self.sandboxed and self.stateful:
            raise TypeError(f"{self.name} runs in a child process, so it cannot take a State, which needs the broker")
        for topic in self.publishes:
            if topic not in TOPICS:
                raise ValueError(f"{self.name} publishes to {topic!r}, which the catalogue of topics does not name")

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def slots(self) -> int:
        """How many calls may run at a time."""
        return self.concurrency * child_count() if self.sandboxed else self.concurrency

    @property
    def ordered(self) -> bool:
        """Whether the records of a partition are handled one after another."""
        return self.slots == 1

    def __call__(self, *arguments: Any) -> Result | Sequence[Result]:
        return self.function(*arguments)

    def on_failure(self, function: OnFailure) -> OnFailure:
        """Decorates what answers an event (or builds on it) that never will succeed; it also gets the error."""
        self.failure = function
        return function

    def decode(self, record: Any) -> Event:
        """The event of a record. Raises Undecodable."""
        return self.event.decode(record.value, timestamp_seconds(record))

    def outcome(self, event: Any, *state: Any) -> Outcome:
        """Call the function on an event (or a list of them) and sort what it raises."""
        try:
            result: Any = self.function(event, *state)
            if not self.batch:
                return Outcome("done", [self._answers(result)])
            if len(result) != len(event):
                raise ValueError(f"{self.name} was given {len(event)} events and answered {len(result)}")
            return Outcome("done", [self._answers(one) for one in result])
        except self.permanent_errors as error:
            return Outcome.failed("permanent", error) if self._several(event) else self.give_up(event, error)
        except (RetryableError, OSError) as error:
            return Outcome.failed("retryable", error)
        except Exception as error:
            return Outcome.failed("unexpected", error)

    def give_up(self, event: Any, error: Exception) -> Outcome:
        """The outcome where no attempt will succeed: what `on_failure` answers, beside the dead letter.

        What it raises itself may pass, or is an error of its own: then the dead letter goes out without an answer.
        """
        event = event[0] if isinstance(event, list) else event
        outcome = Outcome.failed("permanent", error)
        try:
            if self.failure:
                outcome.answers = [self._answers(self.failure(event, error))]
        except (RetryableError, OSError) as second:
            return Outcome.failed("retryable", second)
        except Exception as second:
            outcome.trace = "".join(traceback.format_exception(second))
        return outcome

    def outcome_in_child(self, request: dict[str, Any]) -> dict[str, Any]:
        """`outcome` from JSON to JSON: this is what a child process runs."""
        events = [self.event.decode(value.encode(), timestamp) for value, timestamp in request["records"]]
        return asdict(self.outcome(events if self.batch else events[0]))

    def _answers(self, result: Result) -> list[Answer]:
        if result is None:
            return []
        events = [result] if isinstance(result, Event) else result
        return [Answer(self._topic_of(event), event.encoded()) for event in events]

    def _topic_of(self, event: Event) -> str:
        """Which of the topics that it publishes to carries `event`."""
        for topic in self.publishes:
            if TOPICS[topic].event.type == event.type:
                return topic
        raise ValueError(f"{self.name} answers {event.type}, which none of the topics that it publishes to carries")

    def _several(self, event: Any) -> bool:
        return self.batch and len(event) > 1


def _parameters_of(function: Function) -> tuple[type[Event], bool, bool]:
    """Which event the function takes, whether a list of them, and whether a State besides."""
    parameters = [one.annotation for one in inspect.signature(function, eval_str=True).parameters.values()]
    batch = bool(parameters) and get_origin(parameters[0]) is list
    event = get_args(parameters[0])[0] if batch else next(iter(parameters), None)
    stateful = parameters[1:] == [State]
    if len(parameters) != 1 + stateful or not (isinstance(event, type) and issubclass(event, Event)):
        raise TypeError(f"{function.__name__} must take an event, or a list of events, and say which in its annotation")
    return event, batch, stateful
