"""Events: record values, foreign ones included, and headers."""

import json
import re
import time
from datetime import datetime

import pytest
from events import Cause, ImageUploaded, OperationFinished, Undecodable
from events.conversation import ChatExchanged
from events.event import decoded, headers_of

UPLOAD = ImageUploaded(timestamp=1.5, new_file="9PKAyoN.jpeg", original_name="perfil.jpg", lang="en")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def headers(event: ImageUploaded | OperationFinished, cause: Cause | None = None) -> dict[str, str]:
    found = headers_of(event.encoded(), "a-service", cause)
    assert len({name for name, _value in found}) == len(found)
    return {name: value.decode() for name, value in found}


# Values.


def test_an_event_round_trips() -> None:
    upload = UPLOAD.model_copy(update={"email": "ana@exemplo.com", "telegram_id": "12", "original_name": "avó 😀.jpg"})
    assert ImageUploaded.decode(upload.encoded().value.encode()) == upload
    answer = upload.finished("rotate", "processed/rotate/9PKAyoN_rotate.jpeg")
    assert OperationFinished.decode(answer.encoded().value.encode()) == answer


def test_values_have_the_fields_of_the_contract() -> None:
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


def test_a_foreign_record_with_two_fields_gets_defaults() -> None:
    upload = ImageUploaded.decode(b'{"timestamp": 1700000000, "new_file": "abc.jpeg"}')
    assert upload == ImageUploaded(timestamp=1_700_000_000.0, new_file="abc.jpeg", original_name="abc.jpeg")
    assert (upload.email, upload.telegram_id, upload.lang, upload.key) == (None, None, "pt-BR", "abc")


def test_unknown_fields_are_ignored() -> None:
    upload = ImageUploaded.decode(b'{"timestamp": 1, "new_file": "a.png", "camera": {"name": "x"}, "lang": "en"}')
    assert upload == ImageUploaded(timestamp=1, new_file="a.png", lang="en")


@pytest.mark.parametrize("lang", ['"fr"', '"PT"', '""', "null", "7", '["en"]'])
def test_an_unknown_language_becomes_portuguese(lang: str) -> None:
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
def test_undecodable_says_why_in_one_line(value: bytes | None, problem: str) -> None:
    with pytest.raises(Undecodable) as caught:
        ImageUploaded.decode(value)
    message = str(caught.value)
    assert problem in message
    assert 0 < len(message) <= 500
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("change", [{"status": "maybe"}, {"operation": None}, {"timestamp": None}, {"new_file": ""}])
def test_required_fields_of_an_outcome_are_validated(change: dict[str, object]) -> None:
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


def test_the_id_is_deterministic_for_a_cause() -> None:
    cause = Cause("cause-1")
    first, second = UPLOAD.finished("rotate", "a"), UPLOAD.finished("rotate", "another time, another result")
    assert headers(first, cause)["ce_id"] == headers(second, cause)["ce_id"]
    assert (
        headers(first, cause)["ce_id"] == "6e47ea80-c8db-5fbf-bf48-eca2c09e3da5"
    )  # must never change: consumers store it


def test_a_failure_and_a_later_success_are_two_events() -> None:
    done, failed, again = UPLOAD.finished("rotate", "a"), UPLOAD.failed("rotate", "x"), UPLOAD.failed("rotate", "y")
    ids = [headers(event, Cause("cause-1"))["ce_id"] for event in (done, failed, again)]
    assert ids[0] != ids[1]
    assert ids[1] == ids[2]


def test_the_id_differs_by_operation_and_cause() -> None:
    ids = {
        headers(UPLOAD.finished(operation, "x"), Cause(cause))["ce_id"]
        for operation in ("rotate", "grayscale", "caption")
        for cause in ("cause-1", "cause-2", "image/0/1", "image/1/0")
    }
    assert len(ids) == 12


def test_the_cause_is_the_id_of_the_record_or_its_position_in_the_log() -> None:
    known = Cause.of("image", 3, 17, [("ce_id", b"cause-1"), ("traceparent", TRACE.encode())])
    assert known == Cause("cause-1", TRACE)
    assert headers(UPLOAD.finished("rotate", "x"), known)["ce_causationid"] == "cause-1"
    for foreign in ([], [("ce_id", b"")], [("ce_id", None)], [("mine", b"\xff")]):
        assert Cause.of("image", 3, 17, foreign) == Cause("image/3/17")  # type: ignore[arg-type]


def test_a_trace_continues_with_a_new_span() -> None:
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
def test_an_invalid_traceparent_starts_a_new_trace(traceparent: str | None) -> None:
    first, second = (headers(UPLOAD, Cause("c", traceparent))["traceparent"] for _ in range(2))
    traces = [re.fullmatch("00-([0-9a-f]{32})-[0-9a-f]{16}-01", found) for found in (first, second)]
    assert traces[0] and traces[1]  # noqa: PT018
    assert traces[0][1] != traces[1][1]
    assert traces[0][1] not in (traceparent or "")


def test_foreign_headers_are_decoded_whatever_they_contain() -> None:
    raw = [("a", b"\xff"), ("b", None), ("c", b"1"), ("c", b"2")]
    assert decoded(raw) == {"a": "\ufffd", "b": "", "c": "2"}  # type: ignore[arg-type]


# What is longer than anyone writes: anyone may publish it.


@pytest.mark.parametrize(
    ("field", "most"), [("original_name", 10_000), ("email", 320), ("telegram_id", 64), ("new_file", 255)]
)
def test_a_field_that_is_too_long_makes_no_event(field: str, most: int) -> None:
    event = {"timestamp": 1.5, "new_file": "a.png"}
    assert getattr(ImageUploaded.decode(json.dumps(event | {field: "x" * most}).encode()), field) == "x" * most
    with pytest.raises(Undecodable, match=field):
        ImageUploaded.decode(json.dumps(event | {field: "x" * (most + 1)}).encode())


@pytest.mark.parametrize("field", ["nome", "pergunta", "resposta"])
def test_so_it_is_in_a_conversation(field: str) -> None:
    event = {"sessao": "s", "nome": "Ana", "pergunta": "Oi", "resposta": "Olá", "timestamp": 1.5}
    ChatExchanged.decode(json.dumps(event | {field: "x" * 1_000_000}).encode())
    with pytest.raises(Undecodable, match=field):
        ChatExchanged.decode(json.dumps(event | {field: "x" * 1_000_001}).encode())


def test_headers_that_are_too_long_count_as_absent() -> None:
    found = [("ce_id", b"i" * 200), ("traceparent", TRACE.encode()), ("other", "é".encode() * 1_000)]
    assert Cause.of("image", 1, 2, found) == Cause("i" * 200, TRACE)
    assert len(decoded(found)["other"]) == 1_000
    too_long = [("ce_id", b"i" * 201), ("traceparent", TRACE.encode() + b"x"), ("other", b"x" * 15_000_000)]
    assert Cause.of("image", 1, 2, too_long) == Cause("image/1/2", None)
    assert decoded([*too_long, ("n" * 15_000_000, b"")]) == {}


def test_no_more_than_a_hundred_headers_are_looked_at() -> None:
    many = [(f"header {number}", b"x") for number in range(1_000_000)]
    assert len(decoded(many)) == 100
