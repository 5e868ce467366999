"""What a killed `make run` leaves behind is stopped, whatever state it is in."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import supervision
from programs import Program
from suite_fixtures import answers, eventually, free_port
from supervision import Supervisor, leftover, stop_session

STUBBORN = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""


@dataclass
class Left:
    """A supervisord whose run is gone, and one of its programs, which listens on `port` and ignores SIGTERM."""

    run_dir: Path
    leader: int
    port: int


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Left]:
    program, port = tmp_path / "stubborn.py", free_port()
    program.write_text(STUBBORN)
    (tmp_path / "log").mkdir()
    stubborn = (sys.executable, str(program), str(port))
    supervisor = Supervisor(tmp_path, tmp_path, [Program("broker", stubborn), Program("waits", stubborn)])
    supervisor.start(os.environ)
    leader = int((tmp_path / "supervisord.pid").read_text())
    try:
        eventually(supervisor.is_responding, 60)
        supervisor.launch("broker")
        eventually(lambda: answers(port), 60)
        monkeypatch.setattr(supervision, "STOP_TIMEOUT_SECONDS", 0)
        yield Left(tmp_path, leader, port)
    finally:
        for pid in supervision._session(leader):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        supervisor.stop()


@pytest.mark.parametrize(
    "supervisord",
    [pytest.param(signal.SIGSTOP, id="too slow to stop its programs"), pytest.param(signal.SIGKILL, id="killed too")],
)
def test_no_program_of_it_is_left_and_its_port_is_free(left: Left, supervisord: signal.Signals) -> None:
    os.kill(left.leader, supervisord)
    found = leftover(left.run_dir)
    assert found == left.leader
    stop_session(found)
    assert supervision._session(left.leader) == {}
    assert not answers(left.port)
    assert leftover(left.run_dir) is None


def test_another_program_that_has_its_number_by_now_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    (tmp_path / "supervisord.pid").write_text(str(other.pid))
    with other:
        found = supervision._session(other.pid)
        left = leftover(tmp_path)
        other.communicate(b"\n")
    assert list(found) == [other.pid]
    assert left is None


def test_a_supervisord_that_is_just_ending_counts_as_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "supervisord.pid").write_text("7614")
    program = f"{sys.executable} -m notifier"
    monkeypatch.setattr(supervision, "_session", lambda leader: {7614: "[python]", 7620: program})
    assert leftover(tmp_path) == 7614
