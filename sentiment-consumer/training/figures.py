"""How good a model is: macro F1 of each source, and how much is left of it at 8 bits."""

# mypy: allow-untyped-calls

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from .rows import LABELS, Row

CHATS = ("support_cases", "fresh_cases")

# The sources that are measured, by what they are called in the model card. Weak labels of one kind only are left out,
# and so are made up rows: they are too easy.
SOURCES = {
    ("pt", "tweets, Mozambique"): ["afrisenti_pt"],
    ("pt", "subtitles"): ["xed_br", "xed_pt", "xed_neu_br"],
    ("pt", "support chat, hard"): ["support_cases"],
    ("pt", "support chat, fresh"): ["fresh_cases"],
    ("en", "Reddit"): ["goemotions"],
    ("en", "subtitles"): ["xed_en", "xed_neu_en"],
    ("en", "Stack Overflow"): ["senti4sd"],
    ("en", "product reviews"): ["vadergt_amazon"],
    ("en", "film reviews"): ["vadergt_movies"],
    ("en", "newspaper"): ["vadergt_nyt"],
    ("en", "reviews, two labels"): ["uci_amazon_cells", "uci_imdb", "uci_yelp"],
    ("en", "support chat, hard"): ["support_cases"],
    ("en", "support chat, fresh"): ["fresh_cases"],
}


class Figure(NamedTuple):
    """How well the rows of a source were told apart."""

    lang: str
    name: str
    rows: int
    accuracy: float
    macro_f1: float


def figures(rows: Sequence[Row], answers: Sequence[str]) -> Iterator[Figure]:
    """Yield the figure of each source, and those of each language without and with its support chats."""
    for (lang, name), sources in SOURCES.items():
        yield _figure(lang, name, rows, answers, sources)
    for lang in ("pt", "en"):
        public = [source for (of, _), names in SOURCES.items() if of == lang for source in names if source not in CHATS]
        yield _figure(lang, "all but support chat", rows, answers, public)
        yield _figure(lang, "all", rows, answers, [*public, *CHATS])


def _figure(lang: str, name: str, rows: Sequence[Row], answers: Sequence[str], sources: Sequence[str]) -> Figure:
    both = zip(rows, answers, strict=True)
    pairs = [(row.label, found) for row, found in both if row.source in sources and row.lang == lang]
    right = sum(label == found for label, found in pairs)
    return Figure(lang, name, len(pairs), right / max(1, len(pairs)), macro_f1(pairs))


def macro_f1(pairs: Sequence[tuple[str, str]]) -> float:
    """Return the mean F1 of the labels that occur, of pairs of a label and what was found."""
    labels = sorted({label for label, _ in pairs})
    scores = []
    for label in labels:
        both = sum(pair == (label, label) for pair in pairs)
        either = sum(pair[0] == label for pair in pairs) + sum(pair[1] == label for pair in pairs)
        scores.append(2 * both / either)
    return sum(scores) / max(1, len(scores))


def answers(model: BertForSequenceClassification, words: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[str]:
    """Return the label that the model gives each text, in numbers of 32 bits as the service does."""
    found = [""] * len(texts)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            batch = words([texts[i] for i in chosen], padding=True, truncation=True, return_tensors="pt")
            for i, label in zip(chosen, model(**batch).logits.argmax(-1).tolist(), strict=True):
                found[i] = LABELS[label]
    return found


def in_8_bits(model: BertForSequenceClassification) -> BertForSequenceClassification:
    """Return a copy that multiplies as if in 8 bits: one scale for each row of weights, and one for each token."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data = _in_8_bits(layer.weight.data)
            layer.register_forward_pre_hook(lambda _, inputs: (_in_8_bits(inputs[0]),))
    return model


def _in_8_bits(rows: Tensor) -> Tensor:
    scale = rows.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 127
    return (rows / scale).round() * scale


def share(pairs: Iterable[tuple[str, str]]) -> float:
    """Return how many of the pairs are of two equals, from 0 to 1."""
    same = [one == other for one, other in pairs]
    return sum(same) / max(1, len(same))


def table(found: Iterable[Figure]) -> str:
    """Return the figures as a table in Markdown."""
    lines = ["| | source | rows | accuracy | macro F1 |", "|---|---|---|---|---|"]
    lines += [f"| {f.lang} | {f.name} | {f.rows} | {f.accuracy:.3f} | {f.macro_f1:.3f} |" for f in found]
    return "\n".join(lines)


def report(rows: Sequence[Row], found: Sequence[str], numbers: Mapping[str, float]) -> str:
    """Return what the training prints at its end: the table, the other numbers, and the weak spots that remain."""
    weak = [(row, label) for row, label in zip(rows, found, strict=True) if row.source == "weak_spots"]
    missed = [(row, label) for row, label in weak if row.label != label]
    lines = [table(figures(rows, found)), "", *(f"{name}: {value:.4f}" for name, value in numbers.items())]
    return "\n".join(lines + [f"missed: {row.text} is {row.label}, not {label}" for row, label in missed])
