"""`make up` and `make doctor` read .env like Compose, even without python-dotenv."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LOCAL = Path(__file__).parents[1]
PRINT_ENV = "import json, os, environment; before = {*os.environ}; environment.load_env(); "
PRINT_ENV += "print(json.dumps({name: value for name, value in os.environ.items() if name not in before}))"

LINES = [
    ("GATEWAY_PORT=8090  # taken", "8090"),
    ('KAFKA_TOPIC_PREFIX="x-"  # y', "x-"),
    ("MAIL_FROM='a # b'\t# c", "a # b"),
    ('NAME="a # b"', "a # b"),
    ("NAME=a#b", "a#b"),
    ("NAME=a # b # c", "a"),
    ("NAME= # nothing", ""),
    ("NAME=", ""),
    ("export NAME=a b ", "a b"),
    ("  NAME = 'a=b'", "a=b"),
    ("NAME=a=b", "a=b"),
    ("NAME=it's", "it's"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the scripts in a folder with its own .env."""
    shutil.copytree(LOCAL, tmp_path / "deploy/local", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    return tmp_path


def run(project: Path, *arguments: str, **env: str) -> str:
    command = [sys.executable, "-S", *arguments]  # -S: without installed packages
    cwd = project / "deploy/local"
    clean = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"} | env
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize(("line", "value"), LINES)
def test_a_line_is_parsed_as_compose_does(project: Path, line: str, value: str) -> None:
    (project / ".env").write_text(f"# OFF=1\n   #OFF=2\n\nno setting\n{line}\n")
    assert [*json.loads(run(project, "-c", PRINT_ENV)).values()] == [value]


def test_the_environment_takes_precedence(project: Path) -> None:
    (project / ".env").write_text("NAME=a\n")
    assert json.loads(run(project, "-c", PRINT_ENV, NAME="b")) == {}


def test_compose_reads_the_file_by_itself(project: Path) -> None:
    """Variables of the environment would override what Compose reads by itself."""
    (project / ".env").write_text("GATEWAY_PORT=${OTHER:-8090}\n")
    (project / "compose").write_text('#!/bin/sh\nprintf "%s, %s" "${GATEWAY_PORT-unset}" "$KAFKA_PORT"\nexit 3\n')
    (project / "compose").chmod(0o755)
    assert run(project, "up.py", str(project / "compose"), KAFKA_PORT="9093") == "unset, 9093"
