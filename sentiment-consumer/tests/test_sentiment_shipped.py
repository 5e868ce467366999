"""The model in the package, as the service uses it: its accuracy and its size."""

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


def predict(model: Model, rows: list[dict[str, str]]) -> list[str]:
    predictions = model([row["text"] for row in rows])
    return [max(prediction, key=lambda label: prediction[label]) for prediction in predictions]


def macro_f1(expected: list[str], found: list[str]) -> float:
    right = Counter(one for one, other in zip(expected, found, strict=True) if one == other)
    predicted, actual = Counter(found), Counter(expected)
    return sum(2 * right[label] / (predicted[label] + actual[label]) for label in LABELS) / len(LABELS)


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_negations_superlatives_and_factual_complaints(model: Model, lang: str) -> None:
    rows = [row for row in cases("weak_spots.csv") if row["lang"] == lang]
    found = predict(model, rows)
    wrong = [(row["text"], label) for row, label in zip(rows, found, strict=True) if row["label"] != label]
    assert len(rows) > 20
    assert len(wrong) <= len(rows) * 0.1, wrong


def test_single_words_and_cries_for_help(model: Model) -> None:
    rows = cases("short_cases.csv")
    found = predict(model, rows)
    wrong = [(row["text"], label) for row, label in zip(rows, found, strict=True) if row["label"] != label]
    assert len(wrong) <= len(rows) * 0.1, wrong


@pytest.mark.parametrize(("table", "minimum"), [("fresh_cases.csv", 0.90), ("support_cases.csv", 0.75)])
@pytest.mark.parametrize("lang", ["pt", "en"])
def test_macro_f1_on_support_chats(model: Model, lang: str, table: str, minimum: float) -> None:
    """The support cases are hard: most state facts, not feelings. The model card has the figures."""
    rows = [row for row in cases(table) if row["lang"] == lang]
    assert len(rows) > 100
    assert macro_f1([row["label"] for row in rows], predict(model, rows)) >= minimum


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
        ("help", "neutral"),
        ("ajuda", "neutral"),
        ("I need help", "neutral"),
        ("", "neutral"),
        ("   ", "neutral"),
    ],
)
def test_single_sentences(model: Model, text: str, label: str) -> None:
    assert predict(model, [{"text": text}]) == [label]


@pytest.mark.parametrize("text", ["❤️", "lol"])
def test_what_is_friendly_or_neutral_is_not_negative(model: Model, text: str) -> None:
    """Which of the two wins is a matter of rounding, as the model card says, and so of the processor."""
    (prediction,) = model([text])
    assert prediction["negative"] < 0.1


def test_its_size() -> None:
    files = {file.name: file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= files.keys()
    assert sum(files.values()) <= 30_000_000
