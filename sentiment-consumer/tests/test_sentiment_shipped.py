"""The model that ships, as the service reads with it: sentences it was made to understand, and its weight."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from sentiment_consumer.model import Model
from sentiment_consumer.settings import SHIPPED

TRAINING = Path(__file__).parents[1] / "training"
LABELS = ("negative", "neutral", "positive")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(str(SHIPPED))


def cases(name: str) -> list[dict[str, str]]:
    with (TRAINING / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(model: Model, rows: list[dict[str, str]]) -> list[str]:
    readings = model([row["text"] for row in rows])
    return [max(reading, key=lambda label: reading[label]) for reading in readings]


def macro_f1(wanted: list[str], found: list[str]) -> float:
    right = Counter(one for one, other in zip(wanted, found, strict=True) if one == other)
    told, there = Counter(found), Counter(wanted)
    return sum(2 * right[label] / (told[label] + there[label]) for label in LABELS) / len(LABELS)


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_negations_superlatives_and_complaints_told_as_fact_are_understood(model: Model, lang: str) -> None:
    rows = [row for row in cases("weak_spots.csv") if row["lang"] == lang]
    found = read(model, rows)
    wrong = [(row["text"], label) for row, label in zip(rows, found, strict=True) if row["label"] != label]
    assert len(rows) > 20
    assert len(wrong) <= len(rows) * 0.1, wrong


@pytest.mark.parametrize(("table", "least"), [("fresh_cases.csv", 0.90), ("support_cases.csv", 0.75)])
@pytest.mark.parametrize("lang", ["pt", "en"])
def test_what_people_say_to_a_support_chat_is_understood(model: Model, lang: str, table: str, least: float) -> None:
    """The second are hard: most say what happened, not how it felt. The model's card has the figures."""
    rows = [row for row in cases(table) if row["lang"] == lang]
    assert len(rows) > 100
    assert macro_f1([row["label"] for row in rows], read(model, rows)) >= least


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("não é ruim", "positive"),
        ("não tive nenhum problema", "positive"),
        ("I have no complaints", "positive"),
        ("Worst support ever", "negative"),
        ("The page freezes", "negative"),
        ("Estou com muita raiva, isso é um absurdo!", "negative"),
        ("Qual é o horário de atendimento?", "neutral"),
        ("😡😡😡", "negative"),
        ("❤️", "positive"),
        ("", "neutral"),
        ("   ", "neutral"),
    ],
)
def test_single_sentences(model: Model, text: str, label: str) -> None:
    assert read(model, [{"text": text}]) == [label]


def test_it_is_small() -> None:
    files = {file.name: file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= files.keys()
    assert sum(files.values()) <= 30_000_000
