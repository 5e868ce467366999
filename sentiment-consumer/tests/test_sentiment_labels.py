"""The outputs of a model are mapped to the three sentiments, or the model is refused."""

import pytest
from sentiment_consumer.labels import sentiments

N, U, P = "negative", "neutral", "positive"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["negative", "neutral", "positive"], [N, U, P]),
        (["positive", "negative", "neutral"], [P, N, U]),
        (["LABEL_0", "LABEL_1", "LABEL_2"], [N, U, P]),
        (["LABEL_0", "LABEL_1"], [N, P]),
        (["LABEL_0", "LABEL_1", "LABEL_2", "LABEL_3", "LABEL_4"], [N, N, U, P, P]),
        (["NEG", "NEU", "POS"], [N, U, P]),
        (["POS", "NEG", "NEU"], [P, N, U]),
        (["1 star", "2 stars", "3 stars", "4 stars", "5 stars"], [N, N, U, P, P]),
        (["5 estrelas", "4 estrelas", "3 estrelas", "2 estrelas", "1 estrela"], [P, P, U, N, N]),
        (["Negativo", "Neutro", "Positivo"], [N, U, P]),
        (["POSITIVA", "NEGATIVA"], [P, N]),
        (["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"], [N, N, U, P, P]),
        (["very_negative", "negative", "neutral", "positive", "very_positive"], [N, N, U, P, P]),
        (["veryNegative", "veryPositive"], [N, P]),
        (["muito negativo", "muito positivo", "neutro"], [N, P, U]),
        (["LABEL_NEGATIVE", "LABEL_POSITIVE"], [N, P]),
        (["-1", "0", "1"], [N, U, P]),
        (["mixed", "negative", "positive"], [U, N, P]),
        (["Négatif", "Neutre", "Positif"], [N, U, P]),
        (["negativ", "positiv"], [N, P]),
        (["positive", "neutral", "negative"], [P, U, N]),
        (["消极", "积极"], [N, P]),
        (["非常负面", "负面", "中性", "正面", "非常正面"], [N, N, U, P, P]),
        (["负面情绪", "正面情绪"], [N, P]),
        (["差评", "好评"], [N, P]),
        (["1星", "2星", "3星", "4星", "5星"], [N, N, U, P, P]),
        (["ネガティブ", "ニュートラル", "ポジティブ"], [N, U, P]),
        (["부정", "중립", "긍정"], [N, U, P]),
        (["1 étoile", "2 étoiles", "3 étoiles", "4 étoiles", "5 étoiles"], [N, N, U, P, P]),
        (["1 estrella", "2 estrellas", "3 estrellas", "4 estrellas", "5 estrellas"], [N, N, U, P, P]),
        (["negative (stars 1, 2 and 3)", "positive (stars 4 and 5)"], [N, P]),
        (["negative（stars 1, 2 and 3）", "positive（stars 4 and 5）"], [N, P]),
        (["(negative)", "(positive)"], [N, P]),
        (["Muy negativo", "Negativo", "Neutro", "Positivo", "Muy positivo"], [N, N, U, P, P]),
        (["sehr negativ", "negativ", "neutral", "positiv", "sehr positiv"], [N, N, U, P, P]),
        (["отрицательный", "нейтральный", "положительный"], [N, U, P]),
        (["НЕГАТИВ", "ПОЗИТИВ"], [N, P]),
        (["olumsuz", "nötr", "olumlu"], [N, U, P]),
        (["negatif", "netral", "positif"], [N, U, P]),
        (["Tiêu cực", "Trung tính", "Tích cực"], [N, U, P]),
        (["negatywny", "neutralny", "pozytywny"], [N, U, P]),
        (["negativní", "neutrální", "pozitivní"], [N, U, P]),
        (["negatief", "neutraal", "positief"], [N, U, P]),
        (["سلبي", "محايد", "إيجابي"], [N, U, P]),
        (["منفی", "خنثی", "مثبت"], [N, U, P]),
        (["नकारात्मक", "तटस्थ", "सकारात्मक"], [N, U, P]),
        (["নেতিবাচক", "নিরপেক্ষ", "ইতিবাচক"], [N, U, P]),
        (["שלילי", "ניטרלי", "חיובי"], [N, U, P]),
        (["αρνητικό", "ουδέτερο", "θετικό"], [N, U, P]),
        (["เชิงลบ", "เป็นกลาง", "เชิงบวก"], [N, U, P]),
        (["😡", "😐", "😊"], [N, U, P]),
        (["☹️", "🙂"], [N, P]),
        (["👎🏽", "👍🏽"], [N, P]),
        (["👍 positive", "👎 negative"], [P, N]),
        ([":(", ":|", ":)"], [N, U, P]),
        (["★☆☆☆☆", "★★☆☆☆", "★★★☆☆", "★★★★☆", "★★★★★"], [N, N, U, P, P]),
        (["⭐", "⭐⭐", "⭐⭐⭐"], [N, U, P]),
    ],
)
def test_labels_are_mapped_to_sentiments(names: list[str], expected: list[str]) -> None:
    assert sentiments(dict(enumerate(names))) == expected


@pytest.mark.parametrize(
    "names",
    [
        ["LABEL_0"],
        [f"LABEL_{number}" for number in range(4)],
        [f"LABEL_{number}" for number in range(28)],
        ["joy", "anger", "sadness"],
        ["positive", "neutral"],
        ["negative", "neutral"],
        ["not negative", "not positive"],
        ["spam", "ham"],
        ["negative", "neutral", "positive", "irony"],
        ["1 star", "negative", "5 stars"],
        ["pas négatif", "pas positif"],
        ["不消极", "不积极"],
        ["négatif ou positif", "positif"],
        ["😊", "🤖"],
        ["?", "!"],
        ["LABEL_1", "LABEL_1", "LABEL_1"],
        ["", "", ""],
        [],
    ],
)
def test_ambiguous_labels_are_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="do not tell negative from positive"):
        sentiments(dict(enumerate(names)))


def test_the_order_is_that_of_the_outputs_not_of_the_dictionary() -> None:
    assert sentiments({2: "positive", 0: "negative", 1: "neutral"}) == [N, U, P]
