"""The bot: what it answers to a question. Pure, and the same every time.

It knows the questions of chatterbot-corpus (BSD licence) and a few of its own, finds the nearest with rapidfuzz, and
says so where none is near.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from chatterbot_corpus.corpus import DATA_DIRECTORY
from rapidfuzz import fuzz, process

Language = Literal["pt-BR", "en"]

FOLDERS: dict[Language, str] = {"pt-BR": "portuguese", "en": "english"}
CORPUS: dict[Language, tuple[str, ...]] = {
    "pt-BR": ("greetings", "conversations", "history_brasil", "linguistic_knowledge", "trivia"),
    "en": ("greetings", "conversations", "botprofile", "tech_support", "computers", "history", "trivia"),
}
"""The topics that fit a support chat; flattery, insults, gossip, politics and jokes stay out."""

FALLBACK: dict[Language, str] = {
    "pt-BR": "Não sei responder a isso. Se algo deu errado, conte o que foi: uma pessoa pode assumir a conversa.",
    "en": "I do not know how to answer that. If something went wrong, tell me what: a person can take over.",
}

CALLED: dict[Language, str] = {
    "pt-BR": "Uma pessoa já foi chamada e logo vai ler o que você escreveu.",
    "en": "A person has been called already and will soon read what you wrote.",
}

NEAR = 84
"""How alike a question must be, out of 100: typing errors pass, another question does not."""
LONGEST_QUESTION = 200
"""Characters; no question of the corpus is longer, and what is longer tells a story."""
SURE = 1.0
"""From here on the letters tell the language (a log-likelihood ratio); below, as for "ok", they do not."""


def answer(question: str, otherwise: Language = "pt-BR", called: bool = False) -> str:
    """What the bot says, in the language of the question; `otherwise` where that cannot be told.

    What it does not know is for a person: it says how to have one come, or that one was `called`.
    """
    spoken = language(question)
    text = plain(question)
    if text and len(text) <= LONGEST_QUESTION:
        for tongue in (spoken,) if spoken else (otherwise, *(FOLDERS.keys() - {otherwise})):
            answers = _answers(tongue)
            found = process.extractOne(text, answers.keys(), scorer=fuzz.ratio, score_cutoff=NEAR)
            if found:
                return answers[found[0]]
    return (CALLED if called else FALLBACK)[spoken or otherwise]


def reply(question: str, estado: str, otherwise: Language = "pt-BR") -> str:
    """What the bot says in a conversation that stands so: what `answer` does, and nothing while a human has it."""
    return "" if estado == "human" else answer(question, otherwise, called=estado == "waiting")


def language(text: str) -> Language | None:
    """The language of a text, by its groups of three letters; None where they do not tell.

    Detectors of many languages take an `oi` or a `thanks` for any of them; between two, the corpus itself suffices.
    """
    weights = _weights()
    ratio = sum(weights.get(group, 0.0) for group in _groups(text[:LONGEST_QUESTION]))
    if abs(ratio) < SURE:
        return None
    return "pt-BR" if ratio > 0 else "en"


def plain(text: str) -> str:
    """Without accents, case and punctuation."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(one for one in letters if not unicodedata.combining(one))))


def load() -> None:
    """Read the corpus now rather than with the first question."""
    for tongue in FOLDERS:
        _answers(tongue)
    _weights()


@cache
def _answers(tongue: Language) -> dict[str, str]:
    """Each question, plain, and the first answer that the corpus has to it."""
    answers: dict[str, str] = {}
    for question, answered, *_ in _conversations(tongue, CORPUS[tongue]):
        answers.setdefault(plain(question), answered.strip())
    return answers


@cache
def _weights() -> dict[str, float]:
    """How much more likely each group of letters is in Portuguese than in English, as a logarithm."""
    lines = {tongue: {line for one in _conversations(tongue, CORPUS[tongue]) for line in one} for tongue in FOLDERS}
    counts = {tongue: Counter(group for line in lines[tongue] for group in _groups(line)) for tongue in FOLDERS}
    every = set().union(*counts.values())
    portuguese, english = (
        {group: math.log((count[group] + 1) / (count.total() + len(every))) for group in every}
        for count in (counts["pt-BR"], counts["en"])
    )
    return {group: portuguese[group] - english[group] for group in every}


def _groups(text: str) -> Iterator[str]:
    """Groups of three letters, with accents and, as many people type, without."""
    for form in {" ".join(re.findall(r"[^\W\d_]+", text.casefold())), " ".join(re.findall(r"[a-z]+", plain(text)))}:
        padded = f" {form} "
        yield from (padded[at : at + 3] for at in range(len(padded) - 2))


def _conversations(tongue: Language, topics: tuple[str, ...]) -> Iterator[list[str]]:
    folder = FOLDERS[tongue]
    for path in (
        files("chatbot") / "phrases" / f"{folder}.yml",
        *(Path(DATA_DIRECTORY, folder, f"{topic}.yml") for topic in topics),
    ):
        found: Any = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
        for conversation in found["conversations"]:
            if isinstance(conversation, list) and len(conversation) > 1:
                yield [str(line) for line in conversation]
