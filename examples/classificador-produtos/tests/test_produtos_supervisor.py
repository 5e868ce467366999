"""The supervisor of the one container: both run, or none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SUPERVISOR = Path(__file__).parents[1] / "um-container"
PROGRAM = "import sys; from supervisor import run; sys.exit(run([{first!r}, {second!r}]))"
FOR_EVER = ("sh", "-c", "echo up $$; exec sleep 1000")


def start(first: tuple[str, ...], second: tuple[str, ...]) -> subprocess.Popen[str]:
    program = PROGRAM.format(first=first, second=second)
    return subprocess.Popen([sys.executable, "-c", program], cwd=SUPERVISOR, stdout=subprocess.PIPE, text=True)


def pid_of_one_that_is_up(supervisor: subprocess.Popen[str]) -> int:
    assert supervisor.stdout
    return int(supervisor.stdout.readline().split()[1])


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("status", "expected"), [(0, 1), (3, 3)])
def test_when_one_ends_the_other_is_stopped(tmp_path: Path, status: int, expected: int) -> None:
    end = tmp_path / "end"
    until_told = 'until [ -e "$0" ]; do sleep 0.1; done; '
    supervisor = start(FOR_EVER, ("sh", "-c", f"{until_told} exit {status}", str(end)))
    other = pid_of_one_that_is_up(supervisor)
    end.touch()
    assert supervisor.wait(60) == expected
    assert not lives(other)


def test_when_one_is_killed_the_other_is_stopped() -> None:
    supervisor = start(FOR_EVER, FOR_EVER)
    pids = [pid_of_one_that_is_up(supervisor), pid_of_one_that_is_up(supervisor)]
    os.kill(pids[0], signal.SIGKILL)
    assert supervisor.wait(60) == signal.SIGKILL
    assert not lives(pids[1])


def test_sigterm_stops_both_with_status_0() -> None:
    supervisor = start(FOR_EVER, FOR_EVER)
    pids = [pid_of_one_that_is_up(supervisor), pid_of_one_that_is_up(supervisor)]
    supervisor.terminate()
    assert supervisor.wait(60) == 0
    assert not any(map(lives, pids))
