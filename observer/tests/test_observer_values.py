"""Values and headers, as people read them."""

import json
from typing import Any

import pytest
from bus.browser import UnreadableRecord
from observer.values import MAX_VALUE_BYTES, headers_of, value_of


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"a": [1, 2.5, null]}', {"json": {"a": [1, 2.5, None]}}),
        ("olá".encode(), {"text": "olá"}),
        (b"", {"text": ""}),
        (b"\xff\x00", {"hex": "ff 00"}),
        (b"a\x00b", {"hex": "61 00 62"}),
        (b'{"id": 12345678901234567890}', {"text": '{"id": 12345678901234567890}'}),
        (b'{"a": 1, "a": 2}', {"text": '{"a": 1, "a": 2}'}),
        (b'{"a": NaN}', {"text": '{"a": NaN}'}),
        (b'{"a": "\\ud800"}', {"text": '{"a": "\\ud800"}'}),
    ],
    ids=repr,
)
def test_a_value_is_json_where_a_browser_reads_the_same_else_text_else_bytes(value: bytes, shown: Any) -> None:
    found = value_of(value)
    assert found == shown | {"bytes": len(value), "cut": False}
    json.dumps(found, ensure_ascii=False, allow_nan=False).encode()


def test_no_value_is_none() -> None:
    assert value_of(None) is None


def test_deep_json_is_text() -> None:
    value = b"[" * 8_000 + b"]" * 8_000
    assert value_of(value) == {"text": value.decode(), "bytes": 16_000, "cut": False}


def test_a_long_value_is_cut_between_characters_and_says_so() -> None:
    found = value_of("ã".encode() * MAX_VALUE_BYTES)
    assert found
    assert (found["bytes"], found["cut"]) == (2 * MAX_VALUE_BYTES, True)
    assert found["text"] == "ã" * (MAX_VALUE_BYTES // 2)
    odd = value_of(b"a" + "ã".encode() * MAX_VALUE_BYTES)
    assert odd
    assert set(odd["text"]) == {"a", "ã"}


def test_a_record_that_cannot_be_read_says_why() -> None:
    found = value_of(UnreadableRecord.of(b"\x01", 5, 5, ValueError("no")))
    assert found
    assert (found["hex"], found["unreadable"]) == ("01", "offset 5 cannot be read: no")


def test_headers_are_text_else_bytes_and_bounded() -> None:
    assert headers_of([("a", "ã".encode()), ("a", b"\xff"), ("b", None)]) == [["a", "ã"], ["a", "0xff"], ["b", None]]
    many = headers_of([("n" * 5_000, b"v" * 5_000)] * 500)
    assert len(many) == 100
    assert [len(part or "") for part in many[0]] == [1_000, 1_000]
