from pathlib import Path

import pytest
import tiny_models


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose results vary."""
    return tiny_models.save(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def angry_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model that classifies every text with known tokens as negative."""
    return tiny_models.save(tmp_path_factory.mktemp("angry"), bias=(90.0, 0.0, 0.0))
