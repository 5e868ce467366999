"""The command of wsgi-app's container: SIGTERM ends it with status 0, whatever it is doing."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from suite_fixtures import eventually, free_port

EXAMPLE = Path(__file__).parents[1]
MODEL_THAT_LOADS_FOR_EVER = "import time\nprint('loading', flush=True)\ntime.sleep(600)\n"


@contextmanager
def container(port: int, **env: str) -> Iterator[subprocess.Popen[str]]:
    """What the Dockerfile starts, on this port."""
    lines = (EXAMPLE / "wsgi-app/Dockerfile").read_text(encoding="utf-8")
    (command,) = re.findall(r"^CMD (\[.*\])", lines.replace("\\\n", ""), re.MULTILINE)
    arguments = [
        argument.replace("--bind=0.0.0.0:5000", f"--bind=127.0.0.1:{port}") for argument in json.loads(command)
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=EXAMPLE, env=os.environ | env, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_model_is_loaded_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "skops.py").write_text(MODEL_THAT_LOADS_FOR_EVER)
    with container(free_port(), PYTHONPATH=str(tmp_path)) as process:
        assert process.stdout
        assert process.stdout.readline() == "loading\n"
        process.send_signal(number)
        assert process.wait(60) == 0


def test_sigterm_ends_it_cleanly_when_it_serves() -> None:
    port = free_port()

    def answers() -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60).ok
        except requests.ConnectionError:
            return False

    with container(port) as process:
        eventually(lambda: answers() or process.poll() is not None, 120)
        process.terminate()
        assert process.wait(60) == 0
