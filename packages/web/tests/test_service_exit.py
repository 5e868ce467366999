"""A worker stops the whole service: gunicorn replaces a worker that exits by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

APPLICATION = """
import threading
from web import WebApp, exit_service

app = WebApp("service", "/here", checks={}, members=dict)
if %(later)s:
    threading.Timer(0.5, exit_service, [78]).start()
else:
    exit_service(78)
"""


@pytest.mark.parametrize("later", [False, True])
def test_the_master_exits_silently_with_the_status_that_a_worker_asked_for(tmp_path: Path, later: bool) -> None:
    (tmp_path / "small_app.py").write_text(APPLICATION % {"later": later})
    command = [sys.executable, "-m", "gunicorn", "-c", "python:web.gunicorn", "--workers", "2", "small_app:app"]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"BIND": f"unix:{tmp_path}/socket"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (78, "", "")
