"""The default model: the one built into the image, or else the one in the package."""

from pathlib import Path

import pytest
from sentiment_consumer import settings
from sentiment_consumer.settings import SHIPPED, SentimentSettings


@pytest.fixture(autouse=True)
def built_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The still empty folder for a built-in model; SENTIMENT_MODEL is not set."""
    monkeypatch.delenv("SENTIMENT_MODEL", raising=False)
    monkeypatch.setattr(settings, "BUILT_IN", tmp_path)
    return tmp_path


@pytest.mark.parametrize("value", [None, ""], ids=["not there", "empty"])
def test_a_built_in_model_is_the_default(built_in: Path, monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("SENTIMENT_MODEL", value)
    assert SentimentSettings().sentiment_model == str(SHIPPED)
    (built_in / "config.json").touch()
    assert SentimentSettings().sentiment_model == str(built_in)


def test_a_configured_model_wins(built_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (built_in / "config.json").touch()
    monkeypatch.setenv("SENTIMENT_MODEL", "someone/some-model")
    assert SentimentSettings().sentiment_model == "someone/some-model"
