"""Texts of similar length share a batch; each is in exactly one."""

import random

import pytest
from sentiment_consumer.batching import MAX_BATCH_TOKENS, batches


@pytest.mark.parametrize("seed", range(20))
def test_every_text_is_in_one_batch_with_little_padding(seed: int) -> None:
    chance = random.Random(seed)
    lengths = [min(512, int(chance.lognormvariate(2.5, 1.2)) + 2) for _ in range(chance.randint(1, 64))]
    found = batches(lengths)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    for batch in found:
        longest, shortest = (pick(lengths[index] for index in batch) for pick in (max, min))
        assert len(batch) * longest <= MAX_BATCH_TOKENS
        assert longest <= max(shortest + 8, shortest * 1.5)


def test_texts_of_equal_length_share_a_batch() -> None:
    assert batches([5] * 64) == [list(range(64))]
    assert batches([]) == []


def test_a_long_text_is_not_batched_with_short_ones() -> None:
    assert batches([6, 300, 7, 6]) == [[0, 3, 2], [1]]


def test_a_text_above_the_limit_is_a_batch_of_its_own() -> None:
    assert batches([MAX_BATCH_TOKENS * 2, MAX_BATCH_TOKENS * 2]) == [[0], [1]]
