"""`make new-worker NAME=mirror`: what it makes is a service like the others; what it refuses it leaves alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import ImageOps
from sample_pictures import alike, corners, encoded, opened, quarters
from suite_fixtures import eventually, started


def importable(tree: Path) -> dict[str, str]:
    """The environment in which Python finds the tree's own packages before those that are installed."""
    projects = [*tree.glob("packages/*/pyproject.toml"), *tree.glob("*/pyproject.toml")]
    return {"PYTHONPATH": os.pathsep.join(str(project.parent) for project in projects)}


def new_worker(tree: Path, name: str, locale: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, tree / "deploy/local/new_worker.py", name]
    env = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "1"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "english", "portuguese"),
    [
        *((name, "a name has lower-case letters", "um nome tem letras minúsculas") for name in ("", "Mirror", "1st")),
        *((name, "a name has lower-case letters", "um nome tem letras minúsculas") for name in ("a--b", "a-", "../a")),
        *((name, "is taken", "já está em uso") for name in ("mirror", "rotate", "original")),
    ],
)
def test_a_name_that_will_not_do_is_refused_in_a_sentence(
    with_mirror: Path, name: str, english: str, portuguese: str
) -> None:
    before = sorted(with_mirror.iterdir())
    for locale, words in (("C.UTF-8", english), ("pt_BR.UTF-8", portuguese)):
        refused = new_worker(with_mirror, name, locale)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert refused.stderr.startswith(f"NAME={name}: ")
        assert words in refused.stderr
    assert sorted(with_mirror.iterdir()) == before


def test_what_it_makes_keeps_the_rules_of_the_house(with_mirror: Path) -> None:
    env = os.environ | importable(with_mirror)
    programs = Path(sys.executable).parent
    pytest_of_it = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    for command in (
        [programs / "ruff", "check", "mirror-worker"],
        [programs / "ruff", "format", "--check", "mirror-worker"],
        [programs / "lint-imports"],
        [*pytest_of_it, "mirror-worker", "tests/test_services.py", "tests/test_k8s.py", "tests/test_overrides.py"],
    ):
        done = subprocess.run(command, cwd=with_mirror, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.broker
def test_it_runs_with_the_others_and_its_results_are_shown(with_mirror: Path, tmp_path: Path) -> None:
    with started(with_mirror, tmp_path, **importable(with_mirror)) as suite:
        (accepted,) = suite.upload(("photo.jpg", encoded(quarters())), email="ana@example.org", lang="en")
        operations = suite.finished(accepted["id"])["operations"]
        assert operations.keys() == {"rotate", "grayscale", "caption", "mirror"}
        assert operations["mirror"]["status"] == "done"
        flipped = opened(suite.get(operations["mirror"]["url"]).content)
        assert all(map(alike, corners(flipped), corners(ImageOps.mirror(quarters()))))
        told = "The file photo.jpg went through mirror."
        eventually(lambda: told in suite.mails("ana@example.org"))
        assert suite.get("/services.json").json()["mirror-worker"]["en"]["name"] == "Mirror"
        assert suite.get("/upload/api/groups").json()["groups"]["mirror-worker"] == {"members": 1}
