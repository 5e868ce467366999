"""Writes titles and descriptions of products as shops do, from the words and moulds in vocabulario/."""

import random
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from unicodedata import combining, normalize

CATEGORIES = ("livro", "brinquedo", "maquiagem", "game")
VOCABULARY = Path(__file__).parent / "vocabulario"
DESCRIPTION_SHARE = 0.15
BARE_SHARE = 0.12  # a title that is one entry of a list and nothing else


class Deck:
    """Deals the entries of a list in random order, each once before any comes again."""

    def __init__(self, entries: list[str], chance: random.Random) -> None:
        self.entries = entries
        self._chance = chance
        self._left: list[str] = []

    def deal(self) -> str:
        if not self._left:
            self._left = self._chance.sample(self.entries, len(self.entries))
        return self._left.pop()


class Shop:
    """Writes the titles of one category.

    Every list of its vocabulary is a deck, so that after a few thousand titles each entry has been in some.
    """

    def __init__(self, category: str, chance: random.Random) -> None:
        words, common = _read(category), _read("comum")
        self._chance = chance
        lists = {name: _entries(text) for name, text in (common["palavras"] | words["palavras"]).items()}
        self._decks = {name: Deck(entries, chance) for name, entries in lists.items()}
        self._moulds = Deck(words["moldes"], chance)
        self._descriptions = Deck(words["descricoes"], chance)
        self._bare = Deck([entry for name in _telling(words["moldes"]) for entry in lists[name]], chance)

    def titles(self, count: int) -> Iterator[str]:
        """Yield `count` titles, some of them descriptions."""
        for _ in range(count):
            yield self._title()

    def _title(self) -> str:
        dice = self._chance.random()
        if dice < BARE_SHARE:
            return _as_typed(self._bare.deal(), self._chance)
        if dice < BARE_SHARE + DESCRIPTION_SHARE:
            return _as_typed(self._filled(self._descriptions.deal()), self._chance)
        title = self._filled(self._moulds.deal())
        if self._chance.random() < 0.1:
            title = f"{self._decks['antes'].deal()} {title}"
        while self._chance.random() < 0.25:
            title = f"{title} {self._decks['depois'].deal()}"
        return _as_typed(title, self._chance)

    def _filled(self, mould: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self._decks[found[1]].deal(), mould)


def _telling(moulds: list[str]) -> list[str]:
    """The lists whose entries are a title by themselves: those that are so in a mould."""
    return [mould[1:-1] for mould in dict.fromkeys(moulds) if re.fullmatch(r"\{\w+\}", mould)]


def _as_typed(title: str, chance: random.Random) -> str:
    """As people type: often without accents, in small letters or all in capitals."""
    if chance.random() < 0.4:
        title = "".join(letter for letter in normalize("NFKD", title) if not combining(letter))
    dice = chance.random()
    if dice < 0.4:
        return title.lower()
    if dice < 0.5:
        return title.upper()
    return title


def _read(name: str) -> dict:  # type: ignore[type-arg]
    return tomllib.loads((VOCABULARY / f"{name}.toml").read_text("utf-8"))


def _entries(text: str) -> list[str]:
    return [entry.strip() for entry in text.split(";") if entry.strip()]
