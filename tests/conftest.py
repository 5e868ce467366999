import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import running
from playwright.sync_api import Browser
from suite_fixtures import ROOT


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as browser:
        yield browser


@pytest.fixture(scope="session")
def with_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree in which `make new-worker NAME=mirror` was called."""
    copy = tmp_path_factory.mktemp("tree") / "suite"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".run", ".*_cache", "__pycache__"))
    subprocess.run([sys.executable, copy / "deploy/local/new_worker.py", "mirror"], check=True)
    return copy
