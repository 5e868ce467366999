"""What becomes of a record whose handler has been called."""

from typing import Any

import pytest
from bus import AttemptsExhausted
from bus.decision import Bury, GiveUp, Publish, Retry, RetryAlone, decide
from bus.handler import Answer, Outcome
from bus.lane import Delivery, Lane
from events import Encoded
from sandbox import ChildDied
from test_lane import Record

ANSWER = Answer("notification", Encoded("type", "", "key", "{}"))


def delivery(attempts: int = 1, crashes: int = 0) -> Delivery:
    one = Lane().take(Record(0))
    assert one
    one.attempts, one.crashes = attempts, crashes
    return one


@pytest.mark.parametrize(
    ("attempts", "crashes", "outcome", "decision"),
    [
        (1, 0, Outcome("done", [[ANSWER]]), Publish([ANSWER])),
        (9, 0, Outcome("retryable", [[]], "OSError", "full", after_seconds=7), Retry("OSError: full", 7)),
        (1, 0, Outcome("permanent", [[ANSWER]], "Refused", "no"), Bury("Refused", "no", [ANSWER])),
        (1, 0, Outcome("unexpected", [[]], "KeyError", "x", "trace"), Retry("KeyError: x")),
        (2, 0, Outcome("unexpected", [[]], "KeyError", "x", "trace"), Retry("KeyError: x")),
        (1, 0, ChildDied("dead", -9), Retry("ChildDied: dead")),
    ],
)
def test_one_record(attempts: int, crashes: int, outcome: Any, decision: Any) -> None:
    assert decide([delivery(attempts, crashes)], outcome) == [decision]


def test_an_unexpected_error_at_the_third_attempt_is_the_last() -> None:
    (decision,) = decide([delivery(attempts=3)], Outcome("unexpected", [[]], "KeyError", "x", "trace"))
    assert isinstance(decision, GiveUp)
    assert isinstance(decision.error, AttemptsExhausted)
    assert (str(decision.error), decision.trace) == ("KeyError: x", "trace")


def test_a_second_dead_child_is_the_last() -> None:
    error = ChildDied("dead", -9)
    assert decide([delivery(attempts=2, crashes=1)], error) == [GiveUp(error)]


@pytest.mark.parametrize("outcome", [Outcome("retryable", [[]]), Outcome("unexpected", [[]]), ChildDied("dead", -9)])
def test_a_batch_that_failed_is_tried_one_by_one(outcome: Any) -> None:
    assert decide([delivery(), delivery()], outcome) == [RetryAlone(), RetryAlone()]


def test_a_batch_that_was_answered_is_published_each_for_itself() -> None:
    assert decide([delivery(), delivery()], Outcome("done", [[ANSWER], []])) == [Publish([ANSWER]), Publish([])]
