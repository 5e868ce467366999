"""Decides what becomes of a record whose handler has been called. Pure: an outcome in, a decision out."""

from dataclasses import dataclass

from sandbox import ChildFailed

from .errors import AttemptsExhausted
from .handler import Answer, Outcome
from .lane import Delivery

MAX_ATTEMPTS = 3
"""How often a record is tried whose handler raises what nobody foresaw. What is retryable is tried for ever."""
MAX_CRASHES = 2
"""How many child processes a record may cost."""


@dataclass(frozen=True)
class Publish:
    """Its answers go out."""

    answers: list[Answer]


@dataclass(frozen=True)
class Retry:
    """It is tried again, after a pause."""

    error: str
    at_least_seconds: float = 0.0


@dataclass(frozen=True)
class RetryAlone:
    """It is tried again, no longer in a batch, to find the record of the batch that is to blame."""


@dataclass(frozen=True)
class GiveUp:
    """No further attempt is made: `on_failure` answers it next."""

    error: Exception
    trace: str = ""


@dataclass(frozen=True)
class Bury:
    """It becomes a dead letter, beside what `on_failure` has answered."""

    error: str
    message: str
    answers: list[Answer]
    trace: str = ""


Decision = Publish | Retry | RetryAlone | GiveUp | Bury


def decide(deliveries: list[Delivery], outcome: Outcome | ChildFailed) -> list[Decision]:
    """One decision for each of the deliveries that the handler was called with."""
    if isinstance(outcome, Outcome) and outcome.kind == "done":
        return [Publish(answers) for answers in outcome.answers]
    if len(deliveries) > 1:
        return [RetryAlone() for _ in deliveries]
    if isinstance(outcome, ChildFailed):
        return [_after_crash(deliveries[0], outcome)]
    return [_after_failure(deliveries[0], outcome)]


def _after_crash(delivery: Delivery, error: ChildFailed) -> Decision:
    delivery.crashes += 1
    if delivery.crashes >= MAX_CRASHES:
        return GiveUp(error)
    return Retry(f"{type(error).__name__}: {error}")


def _after_failure(delivery: Delivery, outcome: Outcome) -> Decision:
    error = f"{outcome.error}: {outcome.message}"
    if outcome.kind == "permanent":
        return Bury(outcome.error, outcome.message, outcome.answers[0], outcome.trace)
    if outcome.kind == "unexpected" and delivery.attempts >= MAX_ATTEMPTS:
        return GiveUp(AttemptsExhausted(error), outcome.trace)
    return Retry(error, outcome.after_seconds)
