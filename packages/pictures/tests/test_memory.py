import os
import signal
import subprocess
import sys
import time

import pytest
from pictures.memory import room

HOLD = """
import sys, time
from pictures.memory import room
with room(sys.argv[1], alone=sys.argv[2] == "alone"):
    print("held", flush=True)
    time.sleep(30)
"""
TRY = """
import sys
from pictures.memory import room
with room(sys.argv[1], alone=sys.argv[2] == "alone"):
    print("held", flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Start a program that holds the room, or has it for a moment."""
    started = []

    def start(program, how, name="test"):
        process = subprocess.Popen(
            [sys.executable, "-c", program, name, how],
            stdout=subprocess.PIPE,
            env=os.environ | {"TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def held(process):
    assert process.stdout.readline() == b"held\n"


def still_waits(process):
    time.sleep(1)
    os.set_blocking(process.stdout.fileno(), False)
    waits = process.poll() is None and not process.stdout.read()
    os.set_blocking(process.stdout.fileno(), True)
    return waits


@pytest.mark.parametrize(("first", "second"), [("alone", "alone"), ("alone", "beside"), ("beside", "alone")])
def test_a_large_picture_is_alone_and_a_killed_holder_frees_the_room(start, first, second):
    holder = start(HOLD, first)
    held(holder)
    waiting = start(TRY, second)
    assert still_waits(waiting)
    holder.send_signal(signal.SIGKILL)
    held(waiting)
    assert waiting.wait(5) == 0


def test_others_share_the_room_and_other_operations_have_their_own(start):
    held(start(HOLD, "beside"))
    assert start(TRY, "beside").wait(10) == 0
    held(start(HOLD, "alone", "other"))
    assert start(TRY, "beside").wait(10) == 0


def test_an_error_in_the_room_frees_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError), room("x", alone=True):
        raise ZeroDivisionError
    with room("x", alone=True):
        pass


@pytest.mark.skipif(
    not hasattr(os, "confstr") or "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="not glibc"
)
def test_what_a_large_picture_took_is_given_back():
    code = """
from pictures.memory import keep_freed_memory, room
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
keep_freed_memory()
def work(megabytes):
    blocks = [b"x" * 1_000_000 for _ in range(megabytes)]
    return b"y" * 1_000_000  # above all others, so that the end of the heap is not free
before = resident()
kept = []
for megabytes in (60, 300):
    with room("given-back", alone=True):
        kept.append(work(megabytes))
    print(round(resident() - before))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    small, large = map(int, run.stdout.split())
    assert small > 50
    assert large < 100
