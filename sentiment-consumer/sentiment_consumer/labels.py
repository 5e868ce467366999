"""What the labels of a model mean: every one is negative, neutral or positive, whatever it is called."""

import re
import unicodedata
from collections.abc import Mapping

from bus.conversation import Sentiment

_NAMES: dict[Sentiment, set[str]] = {
    "negative": {"neg", "negative", "negativo", "negativa", "bad", "ruim"},
    "neutral": {"neu", "neutral", "neutro", "neutra", "mixed", "misto"},
    "positive": {"pos", "positive", "positivo", "positiva", "good", "bom"},
}
_WORDS = {word: sentiment for sentiment, words in _NAMES.items() for word in words}
_DEGREES = {"very", "extremely", "strongly", "somewhat", "slightly", "mostly", "muito", "pouco", "extremamente"}
_NOUNS = {"label", "sentiment", "sentimento", "class", "classe", "star", "stars", "estrela", "estrelas"}
_SCALES: dict[int, tuple[Sentiment, ...]] = {
    2: ("negative", "positive"),
    3: ("negative", "neutral", "positive"),
    5: ("negative", "negative", "neutral", "positive", "positive"),
}


def sentiments(labels: Mapping[int, str]) -> list[Sentiment]:
    """What each output of a model means, by the names of its outputs.

    Names that are numbers, or carry one (`LABEL_0`, `1 star`), are a scale from the worst to the best. Raises
    ValueError, with a sentence, where the names do not tell.
    """
    shown = ", ".join(str(labels[number]) for number in sorted(labels))[:200]
    words = [_words(labels[number]) for number in sorted(labels)]
    found = _of_numbers(words) or _of_words(words)
    if not found:
        raise ValueError(f"its labels do not tell negative from positive: {shown}")
    return found


def _words(label: str) -> list[str]:
    """The words and numbers of a label, without what says nothing: `LABEL_NEGATIVE` is `negative`."""
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", str(label))
    plain = unicodedata.normalize("NFKD", parts).encode("ascii", "ignore").decode().casefold()
    return [word for word in re.findall(r"-?\d+|[a-z]+", plain.replace("_", " ")) if word not in _NOUNS]


def _of_numbers(words: list[list[str]]) -> list[Sentiment]:
    numbers = [int(one[0]) for one in words if len(one) == 1 and re.fullmatch(r"-?\d+", one[0])]
    ranks = sorted(set(numbers))
    scale = _SCALES.get(len(ranks))
    if scale is None or not len(ranks) == len(numbers) == len(words):
        return []
    return [scale[ranks.index(number)] for number in numbers]


def _of_words(words: list[list[str]]) -> list[Sentiment]:
    told = [[_WORDS.get(word) for word in one if word not in _DEGREES] for one in words]
    found = [one[0] for one in told if len(one) == 1 and one[0]]
    complete = len(found) == len(words) and {"negative", "positive"} <= set(found)
    return found if complete else []
