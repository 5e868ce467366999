"""What is held of the newest records, and which of them are shown."""

from typing import Any

from observer.ring import Ring
from observer.sampling import Sampler, evenly


def test_the_oldest_go_when_the_bytes_are_full(fakes: Any) -> None:
    one = fakes.summary()
    ring = Ring(max_bytes=10 * one.memory_bytes)
    ring.add([fakes.summary(offset=number, at=number) for number in range(10)], {})
    assert (len(ring.all()), ring.since_ms) == (10, 0)
    ring.add([fakes.summary(offset=number, at=number) for number in range(10, 30)], {})
    offsets = [one.offset for one in ring.all()]
    assert offsets == list(range(30 - len(offsets), 30))
    assert 0 < len(offsets) <= 10
    assert ring.since_ms == offsets[0]


def test_long_keys_take_the_place_of_many(fakes: Any) -> None:
    ring = Ring(max_bytes=10 * fakes.summary().memory_bytes)
    ring.add([fakes.summary(offset=number, key="k" * 1_000) for number in range(10)], {})
    assert 0 < len(ring.all()) < 5


def test_before_where_a_partition_was_begun_something_may_be_missing(fakes: Any) -> None:
    ring = Ring(1_000_000)
    ring.add([fakes.summary(offset=0, at=5)], {("image", 0): 0})
    assert ring.since_ms == 0
    ring.add([fakes.summary("chatbot", offset=7, at=9), fakes.summary("chatbot", offset=8, at=11)], {("chatbot", 0): 7})
    assert ring.since_ms == 9


def test_what_is_asked_for_is_found_newest_last(fakes: Any) -> None:
    ring = Ring(1_000_000)
    ring.add(
        [
            fakes.summary(offset=1, at=30, picture="a"),
            fakes.summary(offset=2, at=10, picture="a"),
            fakes.summary(offset=3, at=20, picture="b"),
        ],
        {},
    )
    assert [one.offset for one in ring.select(10, picture="a", topic=None)] == [2, 1]
    assert [one.offset for one in ring.select(1)] == [1]
    assert ring.select(10, picture="a", topic="chatbot") == []
    assert ring.at("image", 0, 3) == fakes.summary(offset=3, at=20, picture="b")
    assert ring.at("image", 1, 3) is None
    assert ring.times({("image", 0, 1), ("image", 0, 9)}) == {("image", 0, 1): 30}


def test_no_more_a_second_are_shown_and_the_rest_is_told() -> None:
    now = 0.0
    sampler = Sampler(10, clock=lambda: now)
    assert sampler.take(range(8)) == list(range(8))
    assert sampler.take(range(100)) == [0, 50]
    now = 0.5
    assert sampler.take(range(100)) == [0, 20, 40, 60, 80]
    assert sampler.report() is None
    now = 1.0
    assert sampler.report() == {"seen": 208, "shown": 15}
    assert sampler.take(range(3)) == [0, 1, 2]
    now = 2.0
    assert sampler.report() is None


def test_evenly_takes_all_where_there_are_no_more() -> None:
    assert evenly("abc", 5) == ["a", "b", "c"]
    assert evenly("abcdef", 3) == ["a", "c", "e"]
    assert evenly("abc", 0) == []
