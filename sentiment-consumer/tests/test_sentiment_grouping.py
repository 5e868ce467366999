"""Texts of like length go together; none is lost, none is done twice."""

import random

import pytest
from sentiment_consumer.grouping import MOST_TOKENS, groups


@pytest.mark.parametrize("seed", range(20))
def test_every_place_is_in_one_group_and_little_is_padded(seed: int) -> None:
    chance = random.Random(seed)
    lengths = [min(512, int(chance.lognormvariate(2.5, 1.2)) + 2) for _ in range(chance.randint(1, 64))]
    found = groups(lengths)
    assert sorted(place for group in found for place in group) == list(range(len(lengths)))
    for group in found:
        longest, shortest = (pick(lengths[place] for place in group) for pick in (max, min))
        assert len(group) * longest <= MOST_TOKENS
        assert longest <= max(shortest + 8, shortest * 1.5)


def test_what_is_alike_goes_together() -> None:
    assert groups([5] * 64) == [list(range(64))]
    assert groups([]) == []


def test_one_long_text_does_not_stretch_the_short_ones() -> None:
    assert groups([6, 300, 7, 6]) == [[0, 3, 2], [1]]


def test_a_text_longer_than_a_group_may_be_goes_alone() -> None:
    assert groups([MOST_TOKENS * 2, MOST_TOKENS * 2]) == [[0], [1]]
