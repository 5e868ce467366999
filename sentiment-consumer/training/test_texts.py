"""The texts that the model learns from and is tested with; needs nothing but Python."""

import re
from collections import Counter

import pytest

from .rows import HERE, LABELS, Row, hand_labels, is_sure, key, labelled_by_hand, read, without
from .sentences import read_patterns, retyped, sentences


@pytest.fixture(scope="module")
def made() -> list[Row]:
    return sentences(300, 1)


def test_there_are_as_many_sentences_as_asked_for_of_each_kind_and_none_twice(made: list[Row]) -> None:
    kinds = Counter((row.lang, row.label) for row in made)
    assert kinds == {(lang, label): 300 for lang in ("pt", "en") for label in LABELS}
    assert len({(row.lang, row.label, row.text) for row in made}) == len(made)


def test_a_sentence_has_one_label_only(made: list[Row]) -> None:
    labels: dict[tuple[str, str], set[str]] = {}
    for row in made:
        labels.setdefault((row.lang, re.sub(r"\W", "", row.text.lower())), set()).add(row.label)
    assert not {text for text, found in labels.items() if len(found) > 1}


def test_no_sign_of_a_pattern_is_left(made: list[Row]) -> None:
    assert not [row.text for row in made if re.search(r"[\[\]{}|=]| [,.?]", row.text) or not row.text]


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_every_pattern_knows_its_lists(lang: str) -> None:
    lists, patterns = read_patterns(lang)
    assert set(patterns) == set(LABELS)
    assert set(re.findall(r"\{(\w+)\}", str(patterns))) == set(lists)


def test_the_same_seed_makes_the_same_sentences(made: list[Row]) -> None:
    assert sentences(300, 1) == made


def test_hand_labels_are_found_by_the_text() -> None:
    rows = [Row("Obrigado.", "", "pt", "pool"), Row("Outra coisa.", "", "pt", "pool")]
    known = Row("Obrigado.", "positive", "pt", "by_hand")
    assert labelled_by_hand(rows, {key("Obrigado."): "positive"}) == [known]


def test_hand_labels_are_labels_and_their_texts_cannot_be_read() -> None:
    labels = hand_labels()
    assert len(labels) > 1000
    assert set(labels.values()) == set(LABELS)
    assert all(re.fullmatch(r"[0-9a-f]{12}", found) for found in labels)


@pytest.mark.parametrize("table", ["own_sentences", "support_cases", "fresh_cases", "weak_spots", "short_cases"])
def test_the_tables_are_well_formed(table: str) -> None:
    rows = read(HERE / f"{table}.csv")
    assert len({(row.text, row.lang) for row in rows}) == len(rows)
    assert {(row.lang, row.label) for row in rows} == {(lang, label) for lang in ("pt", "en") for label in LABELS}
    assert all(row.text == row.text.strip() for row in rows)


def test_nothing_is_learned_from_the_tests() -> None:
    tests = [Row("Não é ruim.", "positive", "pt", "weak_spots")]
    rows = [Row("não é ruim!", "positive", "pt", "sentences"), Row("Não é ruim, viu", "positive", "pt", "sentences")]
    assert without(rows, tests) == rows[1:]


def test_a_sentence_is_typed_again_in_other_ways_but_stays_what_it_is() -> None:
    rows = [Row("Não chegou até agora", "negative", "pt", "own"), Row("Moro em Santos", "neutral", "pt", "own")]
    again = retyped(rows, 50, 1)
    assert Counter((row.label, row.lang, row.source) for row in again) == {
        ("negative", "pt", "own"): 50,
        ("neutral", "pt", "own"): 50,
    }
    texts = {row.text.lower() for row in again if row.label == "negative"}
    assert {"não chegou até agora", "nao chegou ate agora", "não chegou até agora!"} <= texts
    assert any(text.startswith("moro em santos. não chegou") for text in texts)
    assert retyped(rows, 50, 1) == again


def test_only_questions_of_the_customers_of_the_bank_are_believed_to_be_neutral() -> None:
    texts = ["How do I get a card?", "My card is gone.", "It is gone. What now?", "Why was it declined?"]
    assert [is_sure(Row(text, "neutral", "en", "banking77")) for text in texts] == [True, False, False, False]
    assert is_sure(Row("My card is gone.", "negative", "en", "own_sentences"))
