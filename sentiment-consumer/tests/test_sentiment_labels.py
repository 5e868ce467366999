"""Whatever a model calls its outputs, they are the three sentiments, or it is refused."""

import pytest
from sentiment_consumer.labels import sentiments

N, U, P = "negative", "neutral", "positive"


@pytest.mark.parametrize(
    ("names", "meant"),
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
    ],
)
def test_names_of_all_kinds_are_understood(names: list[str], meant: list[str]) -> None:
    assert sentiments(dict(enumerate(names))) == meant


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
        ["LABEL_1", "LABEL_1", "LABEL_1"],
        ["", "", ""],
        [],
    ],
)
def test_what_does_not_tell_negative_from_positive_is_refused(names: list[str]) -> None:
    with pytest.raises(ValueError, match="do not tell negative from positive"):
        sentiments(dict(enumerate(names)))


def test_the_order_is_that_of_the_outputs_not_of_the_dictionary() -> None:
    assert sentiments({2: "positive", 0: "negative", 1: "neutral"}) == [N, U, P]
