"""What log lines hold: where a program failed, never what it had in hand."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
from bus import log
log.configure("chatbot")
try:
    pergunta = "my card is 1234"
    int("no number")
except ValueError:
    log.get_logger("test").exception("it failed")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_failure_is_told_without_what_the_program_had_in_hand(form: str) -> None:
    env = os.environ | {"LOG_FORMAT": form}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert "it failed" in done.stdout
    assert "ValueError" in done.stdout
    assert "1234" not in done.stdout
    if form == "json":
        assert json.loads(done.stdout)["exception"][0]["frames"][0]["lineno"] == 6
