"""Teaches the model that ships what came to `own_sentences.csv` later: `python -m training.further FOLDER_OF_TEXTS`.

A short lesson, where the whole training would take hours: the sentences that are new, each as others would type it too,
among old ones of every source, so that little is unlearned. The vocabulary stays.
"""

# mypy: allow-untyped-calls

import argparse
import random
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import torch
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from .__main__ import LONGEST, SEED, TESTS, show
from .learning import Lesson, Pace, learn
from .models import save
from .rows import HERE, Row, is_sure, read, without
from .sentences import retyped, sentences

MODEL = HERE.parent / "sentiment_consumer" / "model"
KNOWN = 9_433
"""Rows of `own_sentences.csv` that the model has learned from."""
TIMES = 3
"""That a new sentence is read, each time as somebody else would type it, besides as it is."""
REPLAYED = 150
"""Old rows of each source."""
PACE = Pace(rate=4e-5, batch=32)
TAKEN = 0.8
"""Of what the lesson changes: a mean of the weights before and after it unlearns less."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training.further", description=__doc__)
    parser.add_argument("texts", type=Path, help="folder with train.csv and dev.csv")
    parser.add_argument("--output", type=Path, default=MODEL)
    chosen = parser.parse_args()
    torch.set_num_threads(2)
    tests = [row for name in TESTS for row in read(HERE / f"{name}.csv")]
    rows = lesson(read(chosen.texts / "train.csv"), tests)
    model = BertForSequenceClassification.from_pretrained(MODEL, dtype=torch.float32)
    words = PreTrainedTokenizerFast.from_pretrained(MODEL)
    tokens = words([row.text for row in rows], truncation=True, max_length=LONGEST)["input_ids"]
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    learn(model, Lesson.of(tokens, rows), PACE, SEED)
    after = model.state_dict()
    model.load_state_dict({name: torch.lerp(before[name], after[name], TAKEN) for name in after})
    save(model, words, chosen.output)
    show(chosen.output, [*read(chosen.texts / "dev.csv"), *tests])


def lesson(public: Sequence[Row], tests: Sequence[Row]) -> list[Row]:
    """The new sentences, and some old ones of every source; none of the tests."""
    own = read(HERE / "own_sentences.csv")
    old, new = own[:KNOWN], own[KNOWN:]
    chance = random.Random(SEED)  # noqa: S311
    replayed = [*retyped(old, 1, SEED), *sentences(REPLAYED, SEED), *filter(is_sure, public)]
    chance.shuffle(replayed)
    by_source = groupby(sorted(replayed, key=lambda row: row.source), key=lambda row: row.source)
    some = [row for _source, rows in by_source for row in list(rows)[:REPLAYED]]
    return without([*new, *_typed_again(new), *some], tests)


def _typed_again(rows: Sequence[Row]) -> list[Row]:
    """As others would: a single word or two as they are, for a fact before them would be another text."""
    short = [row for row in rows if len(row.text.split()) < 3]
    return [*short * TIMES, *retyped([row for row in rows if row not in short], TIMES, SEED)]


if __name__ == "__main__":
    main()
