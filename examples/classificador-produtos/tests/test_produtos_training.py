"""The titles that the project writes, and how the stored model names those that were written apart from them."""

import random
from pathlib import Path
from unicodedata import combining, normalize

import pytest
from classificador_produtos.classifier import MODEL, categories
from skops import io
from treinamento.__main__ import BY_HAND, SEED, TITLES_PER_CATEGORY, by_hand
from treinamento.titles import CATEGORIES, Shop

# 40 titles a category, written before the vocabulary was last changed.
RESERVED = Path(__file__).with_name("titulos_reservados.csv")


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_shop_writes_many_titles_and_the_same_every_time(category: str) -> None:
    titles = list(Shop(category, random.Random(1)).titles(1000))
    assert titles == list(Shop(category, random.Random(1)).titles(1000))
    assert len(set(titles)) > 800
    assert not any("{" in title or title != title.strip() for title in titles)


@pytest.fixture(scope="module")
def written() -> set[str]:
    """What the model was trained on, without capitals and accents."""
    chance = random.Random(SEED)
    return {plain(title) for one in CATEGORIES for title in Shop(one, chance).titles(TITLES_PER_CATEGORY)}


def plain(title: str) -> str:
    return "".join(letter for letter in normalize("NFKD", title.lower()) if not combining(letter))


# How much the stored model names rightly in each category at least, measured: 95 % and 100 %.
@pytest.mark.parametrize(
    ("file", "bound"), [(BY_HAND, 0.93), (RESERVED, 0.97)], ids=lambda value: getattr(value, "stem", "")
)
def test_the_model_names_titles_that_it_was_not_trained_on(written: set[str], file: Path, bound: float) -> None:
    unknown = [(title, category) for title, category in by_hand(file) if plain(title) not in written]
    assert len(unknown) > 0.85 * len(by_hand(file))
    said = categories([title for title, _ in unknown])
    for category in CATEGORIES:
        hits = [found == right for found, (_, right) in zip(said, unknown, strict=True) if right == category]
        assert sum(hits) / len(hits) >= bound, category


def test_a_toy_that_is_called_by_a_sentence_is_no_book() -> None:
    assert categories(["Barbie Quero Ser Veterinária", "barbie quero ser arquiteta"]) == ["brinquedo", "brinquedo"]


def test_the_file_of_the_model_holds_no_type_that_skops_does_not_trust() -> None:
    assert io.get_untrusted_types(file=MODEL) == []


def test_no_descriptions_have_no_categories() -> None:
    assert categories([]) == []
