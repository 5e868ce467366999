"""Sentences of support chats, made from patterns (CC0): what small models get wrong unless they are shown it often.

Negation (`não é ruim`), superlatives (`the worst … ever`), complaints told as plain facts (`the page freezes`), and
beside each what looks like it and means another thing.

`patterns/pt.txt` and `patterns/en.txt` have one pattern a line, below the label of what is made from it. `[a|b|]` is a
choice; `{app}` is one of the list that the line `app = …` gives.
"""

import random
import re
import unicodedata
from collections.abc import Sequence

from .rows import HERE, Row

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_LIST = re.compile(r"\{(\w+)\}")
_GREETINGS = {
    "pt": ("oi", "olá", "bom dia", "boa tarde", "boa noite", "gente"),
    "en": ("hi", "hello", "hey", "good morning", "good afternoon", "hi there"),
}
_ENDS = {"positive": ("", "", ".", "!", "!!", " :)", " 😊", " 👍"), "negative": ("", "", ".", "!", "...", " 😡", " :(")}


def sentences(each: int, seed: int) -> list[Row]:
    """Return `each` made up sentences of every language and label, none twice."""
    chance = random.Random(seed)  # noqa: S311
    rows = []
    for lang in ("pt", "en"):
        lists, patterns = read_patterns(lang)
        for label, of_label in patterns.items():
            rows += [Row(text, label, lang, "sentences") for text in _made(of_label, lists, label, each, chance)]
    return rows


def retyped(rows: Sequence[Row], times: int, seed: int) -> list[Row]:
    """Return each row as often as said, as others would type it: behind a greeting or a plain fact, with slips."""
    chance = random.Random(seed)  # noqa: S311
    facts = [row for row in rows if row.label == "neutral" and " " in row.text and row.text[-1].isalnum()]
    plain = {lang: [row.text for row in facts if row.lang == lang] for lang in _GREETINGS}
    found = []
    for row in [*rows] * times:
        text, start = row.text, chance.random()
        if start < 0.15:
            text = f"{chance.choice(_GREETINGS[row.lang])}, {text}"
        elif start < 0.35:
            text = f"{chance.choice(plain[row.lang])}. {text}"
        if len(text) > 20 and chance.random() < 0.15:
            lost = chance.randrange(len(text))
            text = text[:lost] + text[lost + 1 :]
        found.append(row._replace(text=_worn(text, row.label, chance)))
    return found


def read_patterns(lang: str) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the lists of a language by their name, and its patterns by their label."""
    lists: dict[str, list[str]] = {}
    patterns: dict[str, list[str]] = {}
    for line in filter(None, (HERE / "patterns" / f"{lang}.txt").read_text(encoding="utf-8").splitlines()):
        name, is_list, words = line.partition(" = ")
        if is_list:
            lists[name] = words.split("|")
        elif line.startswith("# "):
            patterns[line[2:]] = []
        else:
            patterns[list(patterns)[-1]].append(line)
    return lists, patterns


def _made(patterns: list[str], lists: dict[str, list[str]], label: str, count: int, chance: random.Random) -> list[str]:
    texts: dict[str, None] = {}
    for turn in range(20 * count):
        text = _filled(patterns[turn % len(patterns)], lists, chance)
        texts[_worn(text, label, chance)] = None
        if len(texts) == count:
            break
    return list(texts)


def _filled(pattern: str, lists: dict[str, list[str]], chance: random.Random) -> str:
    """Return the pattern with each choice made, those inside others first, and one of each list."""
    while _CHOICE.search(pattern):
        pattern = _CHOICE.sub(lambda found: chance.choice(found[1].split("|")), pattern)
    while _LIST.search(pattern):
        pattern = _LIST.sub(lambda found: chance.choice(lists[found[1]]), pattern)
    return re.sub(r"\s+", " ", re.sub(r"\s+([,?.])", r"\1", pattern)).strip(" ,")


def _worn(text: str, label: str, chance: random.Random) -> str:
    """Return the text as people type it: some without accents, some with an end of their own."""
    if text[-1].isalnum():
        text += chance.choice(_ENDS.get(label, ("", "", ".")))
    elif text[-1] == "?" and chance.random() < 0.3:
        text = text[:-1]
    if chance.random() < 0.15:
        text = "".join(sign for sign in unicodedata.normalize("NFD", text) if unicodedata.category(sign) != "Mn")
    return text[:1].upper() + text[1:] if chance.random() < 0.5 else text
