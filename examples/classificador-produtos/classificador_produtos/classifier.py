"""The trained model: from descriptions to categories."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

MODEL = Path(__file__).parent / "model/model.skops"


def categories(descriptions: Sequence[str]) -> list[str]:
    """Return the category of each description: `livro`, `brinquedo`, `maquiagem` or `game`."""
    if not descriptions:
        return []
    return [str(category) for category in _model().predict(descriptions)]


@cache
def _model() -> Any:
    """The model of the file. skops loads no types but those it trusts, so the file cannot run code of its own."""
    from skops import io  # noqa: PLC0415 - takes seconds: what has nothing to classify does not wait for it

    return io.load(MODEL)
