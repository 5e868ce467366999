"""Which model reads the messages where nobody has named one: one built into the image, else the shipped one."""

from pathlib import Path

import pytest
from sentiment_consumer import settings
from sentiment_consumer.settings import SHIPPED, SentimentSettings


@pytest.fixture(autouse=True)
def built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder for it, still empty, and nobody names a model."""
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    monkeypatch.setattr(settings, "BUILT_IN", tmp_path)
    return tmp_path


@pytest.mark.parametrize("passed_on", [None, ""], ids=["not there", "empty"])
def test_a_model_that_was_built_in_is_used_without_being_named(
    built_in: Path, monkeypatch: pytest.MonkeyPatch, passed_on: str | None
) -> None:
    if passed_on is not None:
        monkeypatch.setenv("SENTIMENT_MODEL", passed_on)
    assert SentimentSettings().sentiment_model == str(SHIPPED)
    (built_in / "config.json").touch()
    assert SentimentSettings().sentiment_model == str(built_in)


def test_one_that_is_named_wins(built_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (built_in / "config.json").touch()
    monkeypatch.setenv("SENTIMENT_MODEL", "someone/some-model")
    assert SentimentSettings().sentiment_model == "someone/some-model"
