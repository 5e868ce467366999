"""`make demo`: what it says, with the suite there and without."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from suite_fixtures import Suite, eventually, free_port

DEMO = Path(__file__).parents[1] / "demo.py"


def demo(port: int, locale: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"GATEWAY_PORT": str(port), "PUBLIC_URL": "", "LC_ALL": locale, "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, DEMO], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("locale", "words"), [("C.UTF-8", "start the suite first"), ("pt_BR.UTF-8", "inicie antes")])
def test_without_a_suite_it_says_so_in_one_line(locale: str, words: str) -> None:
    answer = demo(free_port(), locale)
    assert answer.returncode == 1
    assert answer.stderr.count("\n") == 1, answer.stderr
    assert words in answer.stderr
    assert answer.stdout == ""


@pytest.mark.broker
def test_every_picture_comes_back_and_is_told(suite: Suite) -> None:
    answer = demo(urlsplit(suite.url).port or 80, "pt_BR.UTF-8")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    sent = [line for line in answer.stdout.splitlines() if line.startswith("→")]
    results = [line for line in answer.stdout.splitlines() if line.startswith("←")]
    assert [line.partition(" (")[0] for line in sent] == [
        "→ praia ao pôr do sol.jpg",
        "→ lua na serra.jpg",
        "→ balão.png",
        "→ cata-vento.gif",
    ]
    newest = suite.get(f"/upload/api/images?limit={len(sent)}").json()["images"]
    assert len(results) == sum(len(image["operations"]) for image in newest)
    for line in results:
        url = line.rpartition(" ")[2]
        assert suite.get(urlsplit(url).path).headers["Content-Type"].startswith("image/")
    assert "/mail/" in answer.stdout
    assert "Uma pessoa é chamada" in answer.stdout

    eventually(lambda: any("praia ao pôr do sol.jpg" in subject for subject in suite.mails("ana@example.org")))
