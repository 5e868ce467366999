"""Train the classifier and store it: python -m treinamento. About a minute; the same every time."""

import csv
import random
from pathlib import Path
from zipfile import ZIP_DEFLATED

import numpy as np
from classificador_produtos.classifier import MODEL
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_union
from skops import io

from treinamento.titles import CATEGORIES, Shop

TITLES_PER_CATEGORY = 8000
SEED = 7
# Titles in the manner of shops, written by hand and apart from the vocabulary: the model is measured on them alone.
BY_HAND = Path(__file__).with_name("titulos_de_loja.csv")


def main() -> None:
    chance = random.Random(SEED)  # noqa: S311 - titles, not secrets
    rows = [
        (title, category) for category in CATEGORIES for title in Shop(category, chance).titles(TITLES_PER_CATEGORY)
    ]
    titles, categories = zip(*rows, strict=True)
    model = untrained()
    model.fit(titles, categories)
    MODEL.parent.mkdir(exist_ok=True)
    io.dump(model, MODEL, compression=ZIP_DEFLATED)

    wrong = [(title, right, said) for title, right in by_hand() if (said := model.predict([title])[0]) != right]
    for title, right, said in wrong:
        print(f"{title!r} is {right}, not {said}")
    total = len(by_hand())
    print(f"{total - len(wrong)} of {total} titles named rightly ({1 - len(wrong) / total:.1%}); {MODEL.name} stored")


def untrained() -> Pipeline:
    """Words, and parts of words, which forgive a missing accent, a plural and a slip."""
    words = TfidfVectorizer(strip_accents="unicode", ngram_range=(1, 2), sublinear_tf=True, min_df=2, dtype=np.float32)
    parts = TfidfVectorizer(
        strip_accents="unicode", analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=4, dtype=np.float32
    )
    return Pipeline([("features", make_union(words, parts)), ("categories", LogisticRegression(C=10, max_iter=300))])


def by_hand(file_of_titles: Path = BY_HAND) -> list[tuple[str, str]]:
    """Return the titles of a file with their categories."""
    with file_of_titles.open(encoding="utf-8", newline="") as file:
        return [(row["descricao"], row["categoria"]) for row in csv.DictReader(file)]


if __name__ == "__main__":
    main()
