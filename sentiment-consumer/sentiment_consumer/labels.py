"""Maps the labels of a model, whatever their names, to negative, neutral and positive."""

import re
import unicodedata
from collections.abc import Mapping

from events.conversation import Sentiment

_NAMES: dict[Sentiment, str] = {
    "negative": """
        neg negative negativo negativa negativ negatif négatif négative negatief negatiu negatív negatywny negatywna
        negativní negatiivinen negatiivne negativan негативный негативная негативно негатив негативний отрицательный
        отрицательная отрицательно olumsuz tiêu_cực αρνητικό αρνητική αρνητικός שלילי سلبي سلبية منفی منفي नकारात्मक
        নেতিবাচক ลบ เชิงลบ 消极 消極 负面 負面 负向 負向 负 負 差评 ネガティブ 否定 否定的 부정 부정적
        bad ruim malo mauvais schlecht slecht плохо 😡 😠 🤬 😞 😢 😭 🙁 ☹ 👎 😟 😔 😣 💔 😤 :( :-(
    """,
    "neutral": """
        neu neutral neutro neutra neutre neutrale neutraal neutru neutralny neutralna neutrální neutraali neutralno
        нейтральный нейтральная нейтрально нейтральний nötr netral semleges trung_tính trung_lập ουδέτερο ουδέτερη
        ουδέτερος ניטרלי נייטרלי محايد محايدة خنثی तटस्थ নিরপেক্ষ เป็นกลาง กลาง 中性 中立 中立的 中评
        ニュートラル 중립 중립적 mixed misto mixte 😐 😑 😶 :| :-|
    """,
    "positive": """
        pos positive positivo positiva positiv positif positief positiu pozitív pozitiv pozitif pozytywny pozytywna
        pozitivní positiivinen positiivne pozitivan позитивный позитивная позитивно позитив позитивний положительный
        положительная положительно olumlu tích_cực θετικό θετική θετικός חיובי إيجابي ايجابي إيجابية مثبت सकारात्मक
        ইতিবাচক บวก เชิงบวก 积极 積極 正面 正向 正 好评 ポジティブ 肯定 肯定的 긍정 긍정적
        good bom bueno bon bonne gut goed хорошо 🙂 😊 ☺ 😀 😃 😄 😁 😍 🥰 👍 ❤ ♥ :) :-)
    """,
}
_DEGREES = """
    very extremely strongly somewhat slightly mostly rather muito pouco extremamente muy algo très plutôt assez sehr
    eher molto abbastanza zeer mycket очень скорее çok sangat bardzo velmi 非常 很 十分 比较 比較 有点 とても 매우 약간
"""
_NOUNS = """
    label sentiment sentimento sentimiento class classe klasse star stars estrela estrelas estrella estrellas étoile
    étoiles stern sterne stella stelle ster sterren yıldız звезда звезды звёзд 星 颗星 情感 情绪 情緒 评价 評價
"""
_SCALES: dict[int, tuple[Sentiment, ...]] = {
    2: ("negative", "positive"),
    3: ("negative", "neutral", "positive"),
    5: ("negative", "negative", "neutral", "positive", "positive"),
}


def named(names: str) -> dict[int, str]:
    """The labels that `SENTIMENT_LABELS` names, in the order of the outputs: `negative, neutral, positive`."""
    return dict(enumerate(name.strip() for name in names.split(",")))


def sentiments(labels: Mapping[int, str]) -> list[Sentiment]:
    """The sentiment of each output of a model, by the names of its outputs.

    Numbers in the names (`LABEL_0`, `1 star`, ★★) are a scale from worst to best. Raises ValueError, with a sentence,
    if the names are ambiguous.
    """
    shown = ", ".join(str(labels[number]) for number in sorted(labels))[:200]
    words = [_words(str(labels[number])) for number in sorted(labels)]
    found = _by_numbers(words) or _by_words(words)
    if not found:
        raise ValueError(f"its labels do not tell negative from positive (SENTIMENT_LABELS may name them): {shown}")
    return found


def _words(label: str) -> list[str]:
    """The significant words and numbers of a label: `LABEL_NEGATIVE (stars 1 and 2)` is `negative`."""
    if label.strip() in _WORDS:
        return [label.strip()]
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", unicodedata.normalize("NFKC", label))
    parts = re.sub(r"([★⭐🌟]+)☆*", lambda stars: f" {len(stars[1])} ", parts)
    for inside in (r"\(.*?\)", "[()]"):
        found = re.findall(r"-?\d+|[^\W\d]+|[^\w\s.,:;/()-]", _plain(re.sub(inside, " ", parts)))
        words = [part for word in found for part in _without_affixes(word)]
        if words:
            return words
    return []


def _plain(text: str) -> str:
    """Lower case without accents; a sign that goes with the one before it, as of a vowel, counts as a letter."""
    signs = unicodedata.normalize("NFKD", text).casefold().replace("_", " ")
    kept = "".join(sign for sign in signs if unicodedata.category(sign) not in ("Mn", "Sk", "Cf"))
    return "".join("ˑ" if unicodedata.category(sign) == "Mc" else sign for sign in kept)


def _without_affixes(word: str) -> list[str]:
    """The word, if it is significant; of one in Chinese, Japanese or Korean, what is left of it."""
    if word in _WORDS:
        return [word]
    for part in _AFFIXES:
        word = word.replace(part, "")
    return [word] if word and word not in _NOT_SIGNIFICANT else []


def _by_numbers(words: list[list[str]]) -> list[Sentiment]:
    numbers = [int(one[0]) for one in words if len(one) == 1 and re.fullmatch(r"-?\d+", one[0])]
    ranks = sorted(set(numbers))
    scale = _SCALES.get(len(ranks))
    if scale is None or not len(ranks) == len(numbers) == len(words):
        return []
    return [scale[ranks.index(number)] for number in numbers]


def _by_words(words: list[list[str]]) -> list[Sentiment]:
    meanings = [{_WORDS.get(" ".join(label))} - {None} or {_WORDS.get(word) for word in label} for label in words]
    found = [meaning for one in meanings if len(one) == 1 for meaning in one if meaning]
    complete = len(found) == len(words) and {"negative", "positive"} <= set(found)
    return found if complete else []


_WORDS = {
    known: sentiment
    for sentiment, names in _NAMES.items()
    for name in names.split()
    for known in (_plain(name).strip(), name)
}
_NOT_SIGNIFICANT = set(_plain(f"{_DEGREES} {_NOUNS}").split())
_AFFIXES = sorted((word for word in _NOT_SIGNIFICANT if word > "⺀"), key=len, reverse=True)
"""Of scripts that put no space between words."""
