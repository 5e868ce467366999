"""The texts to learn from: labelled rows, hand labels for rows without one, and made up sentences of support chats."""

import csv
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

LABELS = ("negative", "neutral", "positive")
HERE = Path(__file__).parent

# How much a row counts. Weak labels count less, the few that were made for this suite count more.
_WEIGHTS = {
    "told_br_toxic": 0.5,
    "xed_br": 0.7,
    "xed_pt": 0.7,
    "xed_en": 0.7,
    "afrisenti_pt": 2.0,
    "by_hand": 2.0,
    "own_sentences": 2.0,
}


_QUESTION = re.compile(r"(?!why\b)[^.!?]+\?", re.IGNORECASE)


class Row(NamedTuple):
    """A text; its label is empty where nobody has given one."""

    text: str
    label: str
    lang: str
    source: str

    @property
    def weight(self) -> float:
        return _WEIGHTS.get(self.source, 1.0)


def read(path: Path) -> list[Row]:
    """Return the rows of a table with the columns text, label, lang and, maybe, source."""
    with path.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table)
        return [Row(row["text"], row["label"], row["lang"], row.get("source") or path.stem) for row in rows]


def is_sure(row: Row) -> bool:
    """Return whether the label can be believed: bank customers who do not just ask often complain."""
    return row.source != "banking77" or bool(_QUESTION.fullmatch(row.text.strip()))


def key(text: str) -> str:
    """Return what stands for the text in `hand_labels.csv`, from which it cannot be read."""
    return sha256(text.encode()).hexdigest()[:12]


def hand_labels(path: Path = HERE / "hand_labels.csv") -> dict[str, str]:
    """Return the labels that were given to texts without one, by the key of the text."""
    with path.open(encoding="ascii", newline="") as table:
        return {row["key"]: row["label"] for row in csv.DictReader(table)}


def labelled_by_hand(rows: Iterable[Row], labels: dict[str, str]) -> list[Row]:
    """Return those rows that are known by their key, with their label."""
    known = ((row, labels.get(key(row.text))) for row in rows)
    return [row._replace(label=label, source="by_hand") for row, label in known if label]


def without(rows: Iterable[Row], tests: Iterable[Row]) -> list[Row]:
    """Return the rows that are none of the tests, whatever their case and signs."""
    held_out = {_letters(row.text) for row in tests}
    return [row for row in rows if _letters(row.text) not in held_out]


def _letters(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
