"""A worker that finds that its service cannot go on ends all of it: gunicorn would start another for one that ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

APPLICATION = """
import threading
from web import Web, end_service

app = Web("service", "/here", checks={}, members=dict)
if %(later)s:
    threading.Timer(0.5, end_service, [78]).start()
else:
    end_service(78)
"""


@pytest.mark.parametrize("later", [False, True])
def test_the_master_ends_with_the_status_that_a_worker_wishes_and_says_nothing(tmp_path: Path, later: bool) -> None:
    (tmp_path / "service.py").write_text(APPLICATION % {"later": later})
    command = [sys.executable, "-m", "gunicorn", "-c", "python:web.gunicorn", "--workers", "2", "service:app"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"BIND": f"unix:{tmp_path}/socket"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (78, "", "")
