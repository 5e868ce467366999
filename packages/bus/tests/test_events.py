"""Events: what records say, foreign ones too, and the headers that they travel with."""

import json
import re
import time
from datetime import datetime

import pytest
from bus import Cause, ImageUploaded, OperationFinished, Undecodable
from bus.events import decoded, headers_of

UPLOAD = ImageUploaded(timestamp=1.5, new_file="9PKAyoN.jpeg", original_name="perfil.jpg", lang="en")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def headers(event: ImageUploaded | OperationFinished, cause: Cause | None = None) -> dict[str, str]:
    found = headers_of(event.encoded(), "a-service", cause)
    assert len({name for name, _value in found}) == len(found)
    return {name: value.decode() for name, value in found}


# What is in a record.


def test_an_event_comes_back_as_it_went() -> None:
    upload = UPLOAD.model_copy(update={"email": "ana@exemplo.com", "telegram_id": "12", "original_name": "avó 😀.jpg"})
    assert ImageUploaded.decode(upload.encoded().value.encode()) == upload
    answer = upload.finished("rotate", "processed/rotate/9PKAyoN_rotate.jpeg")
    assert OperationFinished.decode(answer.encoded().value.encode()) == answer


def test_the_value_is_what_the_contract_says() -> None:
    assert json.loads(UPLOAD.encoded().value) == {
        "timestamp": 1.5,
        "new_file": "9PKAyoN.jpeg",
        "original_name": "perfil.jpg",
        "email": None,
        "telegram_id": None,
        "lang": "en",
    }
    before = time.time()
    answer = json.loads(UPLOAD.failed("rotate", "The picture is damaged.").encoded().value)
    assert before <= answer.pop("timestamp") <= time.time()
    assert answer == {
        "new_file": "9PKAyoN.jpeg",
        "original_name": "perfil.jpg",
        "operation": "rotate",
        "status": "failed",
        "result": None,
        "reason": "The picture is damaged.",
        "email": None,
        "telegram_id": None,
        "lang": "en",
    }


def test_a_foreign_record_of_two_fields_is_served() -> None:
    upload = ImageUploaded.decode(b'{"timestamp": 1700000000, "new_file": "abc.jpeg"}')
    assert upload == ImageUploaded(timestamp=1_700_000_000.0, new_file="abc.jpeg", original_name="abc.jpeg")
    assert (upload.email, upload.telegram_id, upload.lang, upload.key) == (None, None, "pt-BR", "abc")


def test_unknown_fields_are_passed_over() -> None:
    upload = ImageUploaded.decode(b'{"timestamp": 1, "new_file": "a.png", "camera": {"name": "x"}, "lang": "en"}')
    assert upload == ImageUploaded(timestamp=1, new_file="a.png", lang="en")


@pytest.mark.parametrize("lang", ['"fr"', '"PT"', '""', "null", "7", '["en"]'])
def test_a_language_that_nobody_speaks_here_is_portuguese(lang: str) -> None:
    assert ImageUploaded.decode(f'{{"timestamp": 1, "new_file": "a.png", "lang": {lang}}}'.encode()).lang == "pt-BR"


@pytest.mark.parametrize(
    ("name", "key"), [("9PKAyoN.jpeg", "9PKAyoN"), ("a.b.png", "a.b"), ("none", "none"), (".png", ".png")]
)
def test_the_key_is_the_id_for_the_upload_and_its_answers(name: str, key: str) -> None:
    upload = ImageUploaded(timestamp=1, new_file=name)
    assert (upload.key, upload.encoded().key) == (key, key)
    assert upload.finished("rotate", "x").key == upload.failed("rotate", "x").key == key


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "no value"),
        (b"", "Invalid JSON"),
        (b"no json", "Invalid JSON"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (b"[]", "value: "),
        (b"null", "value: "),
        (b'"text"', "value: "),
        (b"{}", "new_file: "),
        (b'{"timestamp": 1, "new_file": 7}', "new_file: "),
        (b'{"timestamp": 1, "new_file": ""}', "new_file: "),
        (b'{"timestamp": 1, "new_file": null}', "new_file: "),
        (b'{"timestamp": "soon", "new_file": "a.png"}', "timestamp: "),
        (b'{"timestamp": NaN, "new_file": "a.png"}', ""),
        (b'{"timestamp": 1e999, "new_file": "a.png"}', "timestamp: "),
        (b'{"timestamp": 1, "new_file": "\\ud800.png"}', ""),
        (b'{"timestamp": 1, "new_file": "' + b"x" * 256 + b'"}', "new_file: "),
        (b'{"timestamp": 1, "new_file": "a.png", "email": 5}', "email: "),
        (b"[" * 100_000, ""),
    ],
)
def test_what_cannot_be_understood_says_why_in_one_line(value: bytes | None, problem: str) -> None:
    with pytest.raises(Undecodable) as caught:
        ImageUploaded.decode(value)
    message = str(caught.value)
    assert problem in message
    assert 0 < len(message) <= 500
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("change", [{"status": "maybe"}, {"operation": None}, {"timestamp": None}, {"new_file": ""}])
def test_an_answer_must_say_what_became_of_what(change: dict[str, object]) -> None:
    answer = json.loads(UPLOAD.finished("rotate", "x").encoded().value)
    with pytest.raises(Undecodable):
        OperationFinished.decode(json.dumps(answer | change).encode())


# Headers.


def test_headers_follow_cloudevents() -> None:
    found = headers(UPLOAD)
    assert found["ce_specversion"] == "1.0"
    assert found["ce_type"] == "image.uploaded"
    assert found["ce_source"] == "/a-service"
    assert found["content-type"] == "application/json"
    assert abs(datetime.fromisoformat(found["ce_time"]).timestamp() - time.time()) < 60
    assert found["ce_time"].endswith("Z")
    assert "ce_causationid" not in found


def test_events_without_a_cause_have_ids_of_their_own() -> None:
    assert headers(UPLOAD)["ce_id"] != headers(UPLOAD)["ce_id"]


def test_the_id_of_an_answer_is_the_same_at_every_delivery() -> None:
    cause = Cause("cause-1")
    first, second = UPLOAD.finished("rotate", "a"), UPLOAD.failed("rotate", "another time, another outcome")
    assert headers(first, cause)["ce_id"] == headers(second, cause)["ce_id"]
    assert headers(first, cause)["ce_id"] == "6e47ea80-c8db-5fbf-bf48-eca2c09e3da5"  # for ever: others remember it


def test_the_id_of_an_answer_differs_by_operation_and_by_cause() -> None:
    ids = {
        headers(UPLOAD.finished(operation, "x"), Cause(cause))["ce_id"]
        for operation in ("rotate", "grayscale", "caption")
        for cause in ("cause-1", "cause-2", "image/0/1", "image/1/0")
    }
    assert len(ids) == 12


def test_the_cause_is_the_id_of_the_record_or_its_place_in_the_log() -> None:
    known = Cause.of("image", 3, 17, [("ce_id", b"cause-1"), ("traceparent", TRACE.encode())])
    assert known == Cause("cause-1", TRACE)
    assert headers(UPLOAD.finished("rotate", "x"), known)["ce_causationid"] == "cause-1"
    for foreign in ([], [("ce_id", b"")], [("ce_id", None)], [("mine", b"\xff")]):
        assert Cause.of("image", 3, 17, foreign) == Cause("image/3/17")  # type: ignore[arg-type]


def test_a_trace_goes_on_with_a_span_of_its_own() -> None:
    found = headers(UPLOAD, Cause("c", TRACE))["traceparent"]
    assert re.fullmatch("00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01", found)
    assert found != TRACE


@pytest.mark.parametrize(
    "traceparent",
    [
        None,
        "",
        "nonsense",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6-00f067aa0ba902b7-01",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-" + "g" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
    ],
)
def test_a_trace_that_is_none_is_begun_anew(traceparent: str | None) -> None:
    first, second = (headers(UPLOAD, Cause("c", traceparent))["traceparent"] for _ in range(2))
    traces = [re.fullmatch("00-([0-9a-f]{32})-[0-9a-f]{16}-01", found) for found in (first, second)]
    assert traces[0] and traces[1]  # noqa: PT018
    assert traces[0][1] != traces[1][1]
    assert traces[0][1] not in (traceparent or "")


def test_headers_of_others_are_read_whatever_is_in_them() -> None:
    raw = [("a", b"\xff"), ("b", None), ("c", b"1"), ("c", b"2")]
    assert decoded(raw) == {"a": "\ufffd", "b": "", "c": "2"}  # type: ignore[arg-type]
