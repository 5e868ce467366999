from typing import Any

import pytest
from bus.dead_letters.letter import MAX_ORIGINAL_BYTES, dead_letter, smaller
from bus.lane import Delivery, Lane
from bus.testing import Record


def letter_of(value: bytes | None = b"value", key: bytes | None = b"key", headers: Any = ()) -> Any:
    delivery = Delivery(Record("image", 3, 7, 1_500, key, value, list(headers)), Lane())
    delivery.attempts = 2
    return dead_letter(delivery, "example.dlq", "group", "ValueError", "no")


def test_it_is_the_original_with_what_went_wrong() -> None:
    letter = letter_of(headers=[("ce_id", b"1"), ("none", None)])
    assert (letter.topic, letter.key, letter.value, letter.partition) == ("example.dlq", b"key", b"value", None)
    assert letter.headers == [
        ("ce_id", b"1"),
        ("none", b""),
        ("dlq-topic", b"image"),
        ("dlq-partition", b"3"),
        ("dlq-offset", b"7"),
        ("dlq-timestamp", b"1500"),
        ("dlq-group", b"group"),
        ("dlq-attempts", b"2"),
        ("dlq-error", b"ValueError"),
        ("dlq-message", b"no"),
    ]


def test_a_record_without_anything_gets_a_key_that_can_be_sent() -> None:
    letter = letter_of(value=None, key=None)
    assert (letter.key, letter.value) == (b"", None)


@pytest.mark.parametrize(
    ("value", "headers", "key", "left_out"),
    [
        (MAX_ORIGINAL_BYTES, 0, 1, "value"),
        (1, MAX_ORIGINAL_BYTES, 1, "value, headers"),
        (1, 1, MAX_ORIGINAL_BYTES + 1, "value, headers, key"),
        (MAX_ORIGINAL_BYTES - 1, 0, 1, ""),
    ],
)
def test_what_is_too_large_is_left_out_the_value_first(value: int, headers: int, key: int, left_out: str) -> None:
    letter = letter_of(b"v" * value, b"k" * key, [("h", b"h" * headers)] if headers else [])
    told = dict(letter.headers)["dlq-message"].decode()
    assert told == (f"no (left out, as too large for a dead letter: {left_out})" if left_out else "no")
    assert (letter.value == b"") == ("value" in left_out)
    assert (letter.key == b"") == ("key" in left_out)
    assert ("h" in dict(letter.headers)) == bool(headers and "headers" not in left_out)


def test_one_that_is_not_taken_gets_smaller_once() -> None:
    reduced = smaller(letter_of())
    assert reduced is not None
    assert (reduced.key, reduced.value) == (b"", b"")
    assert dict(reduced.headers)["dlq-offset"] == b"7"
    assert smaller(reduced) is None
