"""`make demo`, with and without a running suite."""

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
def test_without_a_suite_it_exits_with_one_line(locale: str, words: str) -> None:
    result = demo(free_port(), locale)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1, result.stderr
    assert words in result.stderr
    assert result.stdout == ""


@pytest.mark.broker
def test_every_result_is_printed(suite: Suite) -> None:
    result = demo(urlsplit(suite.url).port or 80, "pt_BR.UTF-8")
    assert result.returncode == 0, result.stdout + result.stderr
    sent = [line for line in result.stdout.splitlines() if line.startswith("→")]
    results = [line for line in result.stdout.splitlines() if line.startswith("←")]
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
    assert "/mail/" in result.stdout
    assert "Uma pessoa é chamada" in result.stdout

    eventually(lambda: any("praia ao pôr do sol.jpg" in subject for subject in suite.mails("ana@example.org")))
