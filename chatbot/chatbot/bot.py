"""The bot: a pure function from a question to an answer.

It knows the questions of chatterbot-corpus (BSD licence) and a few of its own, finds the most similar one with
rapidfuzz, and has a fallback if none is similar enough.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from chatterbot_corpus.corpus import DATA_DIRECTORY
from rapidfuzz import fuzz, process

from .text import plain
from .wishes import asks_for_person

Language = Literal["pt-BR", "en"]

FOLDERS: dict[Language, str] = {"pt-BR": "portuguese", "en": "english"}
CORPUS: dict[Language, tuple[str, ...]] = {
    "pt-BR": ("greetings", "conversations", "history_brasil", "linguistic_knowledge", "trivia"),
    "en": ("greetings", "conversations", "botprofile", "tech_support", "computers", "history", "trivia"),
}
"""The corpus files that fit a support chat. Flattery, insults, gossip, politics and jokes are left out."""

FALLBACK: dict[Language, str] = {
    "pt-BR": "Não sei responder a isso. Para falar com uma pessoa, escreva “atendente”.",
    "en": "I do not know how to answer that. To talk to a person, write “attendant”.",
}

CALLING: dict[Language, str] = {
    "pt-BR": "Chamei uma pessoa, que logo vai ler esta conversa. Enquanto isso, pode continuar escrevendo.",
    "en": "I have called a person, who will soon read this conversation. You can go on writing.",
}
"""Whoever gets this reply waits for a person from then on."""

CALLED: dict[Language, str] = {
    "pt-BR": "Uma pessoa já foi chamada e logo vai ler o que você escreveu.",
    "en": "A person has been called already and will soon read what you wrote.",
}

MIN_SIMILARITY_PERCENT = 84
"""Tolerates typing errors, but does not match another question."""
MAX_QUESTION_CHARACTERS = 200
"""No question of the corpus is longer."""
MIN_LOG_LIKELIHOOD_RATIO = 1.0
"""Below this, as for "ok", a text is too short or too ambiguous to detect its language."""


def answer(question: str, default_language: Language = "pt-BR", called: bool = False) -> str:
    """The answer to `question`, in its language, or in `default_language` if that cannot be detected.

    The fallback refers to a person: it says how to call one, or that one was `called` already.
    """
    detected = language(question)
    text = plain(question)
    if text and len(text) <= MAX_QUESTION_CHARACTERS:
        for candidate in (detected,) if detected else (default_language, *(FOLDERS.keys() - {default_language})):
            answers = _answers(candidate)
            found = process.extractOne(text, answers.keys(), scorer=fuzz.ratio, score_cutoff=MIN_SIMILARITY_PERCENT)
            if found:
                return answers[found[0]]
    return (CALLED if called else FALLBACK)[detected or default_language]


def reply(question: str, estado: str, default_language: Language = "pt-BR") -> str:
    """The bot's reply in a conversation with the state `estado`: as `answer`, but empty while a human has it.

    Someone who asks for a person is told that one is called (`calls_person`).
    """
    if estado == "human":
        return ""
    if asks_for_person(question):
        return (CALLED if estado == "waiting" else CALLING)[language(question) or default_language]
    return answer(question, default_language, called=estado == "waiting")


def calls_person(resposta: str) -> bool:
    """Whether the reply says that a person is called now."""
    return resposta in CALLING.values()


def language(text: str) -> Language | None:
    """The language of a text, detected by its letter trigrams; None if it is ambiguous.

    General language detectors fail on texts as short as `oi` or `thanks`. To tell two languages apart, the trigrams of
    the corpus are enough.
    """
    weights = _weights()
    ratio = sum(weights.get(trigram, 0.0) for trigram in _trigrams(text[:MAX_QUESTION_CHARACTERS]))
    if abs(ratio) < MIN_LOG_LIKELIHOOD_RATIO:
        return None
    return "pt-BR" if ratio > 0 else "en"


def load() -> None:
    """Load the corpus now rather than for the first question."""
    for lang in FOLDERS:
        _answers(lang)
    _weights()


@cache
def _answers(lang: Language) -> dict[str, str]:
    """Maps each question (see `plain`) to its first answer in the corpus."""
    answers: dict[str, str] = {}
    for question, answered, *_ in _conversations(lang, CORPUS[lang]):
        answers.setdefault(plain(question), answered.strip())
    return answers


@cache
def _weights() -> dict[str, float]:
    """The log-likelihood ratio of each trigram: positive for Portuguese, negative for English."""
    lines = {lang: {line for one in _conversations(lang, CORPUS[lang]) for line in one} for lang in FOLDERS}
    counts = {lang: Counter(trigram for line in lines[lang] for trigram in _trigrams(line)) for lang in FOLDERS}
    trigrams = set().union(*counts.values())
    portuguese, english = (
        {trigram: math.log((count[trigram] + 1) / (count.total() + len(trigrams))) for trigram in trigrams}
        for count in (counts["pt-BR"], counts["en"])
    )
    return {trigram: portuguese[trigram] - english[trigram] for trigram in trigrams}


def _trigrams(text: str) -> Iterator[str]:
    """Letter trigrams, with accents and, as many people type, without."""
    for form in {" ".join(re.findall(r"[^\W\d_]+", text.casefold())), " ".join(re.findall(r"[a-z]+", plain(text)))}:
        padded = f" {form} "
        yield from (padded[at : at + 3] for at in range(len(padded) - 2))


def _conversations(lang: Language, topics: tuple[str, ...]) -> Iterator[list[str]]:
    folder = FOLDERS[lang]
    for path in (
        files("chatbot") / "phrases" / f"{folder}.yml",
        *(Path(DATA_DIRECTORY, folder, f"{topic}.yml") for topic in topics),
    ):
        found: Any = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
        for conversation in found["conversations"]:
            if isinstance(conversation, list) and len(conversation) > 1:
                yield [str(line) for line in conversation]
