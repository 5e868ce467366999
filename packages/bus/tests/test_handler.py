"""What a handler may declare, and what comes of calling it."""

from typing import Any

import pytest
from bus import PermanentError, RetryableError, State, Worker
from bus.handler import Handler
from events import Event, ImageUploaded, OperationFinished
from events.conversation import HandoffRaised

UPLOAD = ImageUploaded(new_file="a.png")


def finished(upload: ImageUploaded) -> OperationFinished:
    return upload.finished("example", "there")


def no_annotation(upload):  # type: ignore[no-untyped-def]
    pass


def no_event(upload: str) -> None:
    pass


def list_and_state(uploads: list[ImageUploaded], state: State) -> None:
    pass


def with_state(upload: ImageUploaded, state: State) -> None:
    pass


@pytest.mark.parametrize(
    ("function", "how", "sentence"),
    [
        (list_and_state, {}, "list_and_state takes a list of events, so it cannot take a State, which is of one event"),
        (
            with_state,
            {"sandboxed": True},
            "with_state runs in a child process, so it cannot take a State, which needs the broker",
        ),
        (
            finished,
            {"publishes": "notifications"},
            "finished publishes to 'notifications', which the catalogue of topics does not name",
        ),
        (no_annotation, {}, "no_annotation must take an event, or a list of events, and say which in its annotation"),
        (no_event, {}, "no_event must take an event, or a list of events, and say which in its annotation"),
    ],
)
def test_what_cannot_work_is_told_where_it_is_declared(function: Any, how: dict[str, Any], sentence: str) -> None:
    with pytest.raises((TypeError, ValueError)) as told:
        Worker("wrong").on("image", **how)(function)
    assert str(told.value) == sentence


def test_a_topic_has_one_handler() -> None:
    worker = Worker("wrong")
    worker.on("image", publishes="notification")(finished)
    with pytest.raises(ValueError, match=r"^with_state and finished both handle 'image': one handler for each topic$"):
        worker.on("image")(with_state)


def handler(function: Any, publishes: Any = "notification", **how: Any) -> Handler:
    return Worker("example", permanent_errors=KeyError).on("image", publishes=publishes, **how)(function)


def raising(error: Exception) -> Any:
    def function(upload: ImageUploaded) -> OperationFinished:
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "kind", "after_seconds"),
    [
        (RetryableError("away", after_seconds=17), "retryable", 17),
        (OSError("full"), "retryable", 0),
        (PermanentError("never"), "permanent", 0),
        (KeyError("gone"), "permanent", 0),
        (ZeroDivisionError("bug"), "unexpected", 0),
    ],
)
def test_what_it_raises_is_sorted_by_what_helps(error: Exception, kind: str, after_seconds: float) -> None:
    outcome = handler(raising(error)).outcome(UPLOAD)
    assert (outcome.kind, outcome.error, outcome.after_seconds) == (kind, type(error).__name__, after_seconds)
    assert outcome.answers == [[]]
    assert bool(outcome.trace) is (kind == "unexpected")


def test_answers_go_to_the_topic_that_carries_them() -> None:
    call = HandoffRaised(sessao="s", nome="Ana", pergunta="?", confianca=1)

    def both(upload: ImageUploaded) -> list[Event]:
        return [finished(upload), call]

    (answers,) = handler(both, publishes=("notification", "handoff")).outcome(UPLOAD).answers
    assert [(topic, event.type) for topic, event in answers] == [
        ("notification", "image.operation-finished"),
        ("handoff", "chat.handoff-raised"),
    ]


@pytest.mark.parametrize("publishes", [(), "handoff", ("handoff", "chatbot")])
def test_an_event_that_no_topic_carries_is_unexpected(publishes: Any) -> None:
    outcome = handler(finished, publishes).outcome(UPLOAD)
    assert (outcome.kind, outcome.error) == ("unexpected", "ValueError")
    assert "none of the topics that it publishes to carries" in outcome.message


def test_a_list_is_answered_with_a_list_as_long() -> None:
    def answer(uploads: list[ImageUploaded]) -> list[OperationFinished]:
        return [finished(uploads[0])]

    assert handler(answer).outcome([UPLOAD]).kind == "done"
    outcome = handler(answer).outcome([UPLOAD, UPLOAD])
    assert (outcome.kind, outcome.message) == ("unexpected", "answer was given 2 events and answered 1")


@pytest.mark.parametrize(
    ("error", "kind", "answered", "traced"),
    [(None, "permanent", 1, False), (OSError("full"), "retryable", 0, False), (KeyError("bug"), "permanent", 0, True)],
)
def test_what_on_failure_raises_costs_its_answer_at_most(
    error: Exception | None, kind: str, answered: int, traced: bool
) -> None:
    failing = handler(raising(PermanentError("never")))

    @failing.on_failure
    def failed(upload: ImageUploaded, told: Exception) -> OperationFinished:
        if error:
            raise error
        return upload.failed("example", str(told))

    outcome = failing.outcome(UPLOAD)
    assert (outcome.kind, len(outcome.answers[0]), bool(outcome.trace)) == (kind, answered, traced)


def test_a_child_decodes_with_the_time_of_the_record() -> None:
    seen = []

    def note(call: HandoffRaised) -> None:
        seen.append(call.timestamp)

    value = HandoffRaised(sessao="s", nome="Ana", pergunta="?", confianca=1).model_dump_json(exclude={"timestamp"})
    listening = Worker("example").on("handoff", sandboxed=True)(note)
    assert listening.outcome_in_child({"records": [[value, 1234.5]]})["kind"] == "done"
    assert seen == [1234.5]
