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


ABOUT = """
from service import log
class Record:
    id, trace_id = "e-1", "0af7651916cd43dd8448eb211c80319c"
log.configure("notifier")
log.get_logger("test").info("said", about=Record())
log.get_logger("test").info("none")
log.about.set(Record())
log.get_logger("test").info("set")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_lines_of_machines_say_which_record_they_are_about(form: str) -> None:
    env = os.environ | {"LOG_FORMAT": form}
    result = subprocess.run([sys.executable, "-c", ABOUT], env=env, capture_output=True, text=True, check=True)
    said, none, about = result.stdout.splitlines()
    if form == "text":
        assert "e-1" not in result.stdout
        assert "about" not in result.stdout
        return
    ids = {"event_id": "e-1", "trace_id": "0af7651916cd43dd8448eb211c80319c"}
    assert ids.items() <= json.loads(said).items()
    assert ids.items() <= json.loads(about).items()
    assert not json.loads(none).keys() & ids.keys()
