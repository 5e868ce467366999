"""Log lines show where a program failed, never the values it worked on."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
from service import log
log.configure("chatbot")
try:
    pergunta = "my card is 1234"
    int("no number")
except ValueError:
    log.get_logger("test").exception("it failed")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_logged_exception_has_no_local_variables(form: str) -> None:
    env = os.environ | {"LOG_FORMAT": form}
    result = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert "it failed" in result.stdout
    assert "ValueError" in result.stdout
    assert "1234" not in result.stdout
    if form == "json":
        assert json.loads(result.stdout)["exception"][0]["frames"][0]["lineno"] == 6
