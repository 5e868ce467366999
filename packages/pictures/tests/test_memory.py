import os
import signal
import subprocess
import sys
import time

import pytest
from pictures.memory import NoRoom, room

HOLD = """
import sys, time
from pictures.memory import room
with room(sys.argv[1], alone=sys.argv[2] == "alone"):
    print("held", flush=True)
    time.sleep(600)
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
    assert waiting.wait(60) == 0


def test_who_waits_to_be_alone_is_overtaken_by_nobody(start):
    holder = start(HOLD, "beside")
    held(holder)
    large = start(HOLD, "alone")
    assert still_waits(large)
    late = start(TRY, "beside")
    assert still_waits(late)
    holder.kill()
    held(large)
    assert still_waits(late)
    large.kill()
    held(late)


def test_who_has_waited_long_enough_is_told_and_frees_what_it_took(start, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    held(start(HOLD, "beside"))
    with pytest.raises(NoRoom), room("test", alone=True, patience=0):
        pass
    with room("test", alone=False, patience=0):
        pass


def test_a_room_that_cannot_be_locked_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(NoRoom, match="gone"), room("test", alone=False):
        pass


def test_others_share_the_room_and_other_operations_have_their_own(start):
    held(start(HOLD, "beside"))
    assert start(TRY, "beside").wait(60) == 0
    held(start(HOLD, "alone", "other"))
    assert start(TRY, "beside").wait(60) == 0


def test_an_error_in_the_room_frees_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ZeroDivisionError), room("x", alone=True):
        raise ZeroDivisionError
    with room("x", alone=True):
        pass


glibc = pytest.mark.skipif(
    not hasattr(os, "confstr") or "glibc" not in (os.confstr("CS_GNU_LIBC_VERSION") or ""), reason="not glibc"
)


@glibc
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


@glibc
def test_who_has_to_wait_gives_back_what_it_kept(start, tmp_path):
    code = """
from contextlib import suppress
from pictures.memory import NoRoom, keep_freed_memory, room
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
keep_freed_memory()
before = resident()
blocks = [b"x" * 1_000_000 for _ in range(60)]
above = b"y" * 1_000_000
del blocks
print(round(resident() - before))
with suppress(NoRoom), room("test", alone=False, patience=0):
    print("had it")
print(round(resident() - before))
"""
    held(start(HOLD, "alone"))
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environment)
    kept, left = map(int, run.stdout.split())
    assert kept > 50
    assert left < 10


@glibc
def test_an_idle_process_keeps_nothing(tmp_path):
    code = """
import time
from pictures import memory
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
memory.IDLE_SECONDS = 0.05
memory.keep_freed_memory()
before = resident()
def work():
    blocks = [b"x" * 1_000_000 for _ in range(60)]
    return b"y" * 1_000_000
for _ in range(2):
    with memory.room("idle", alone=False):
        above = work()
        assert resident() - before > 50
    while resident() - before > 10:
        time.sleep(0.01)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env=os.environ | {"TMPDIR": str(tmp_path)})


@glibc
@pytest.mark.parametrize(
    ("size", "most"),
    [((4032, 3024), 5_000), ((4080, 3072), 5_000), ((6000, 4000), 30_000)],
    ids=["12 megapixels", "12.5 megapixels", "24 megapixels, which are more than is kept"],
)
def test_a_photo_is_turned_in_the_memory_of_the_last(size, most, tmp_path):
    code = """
import sys
from io import BytesIO
from resource import RUSAGE_SELF, getrusage
from pictures import edited, lossless
from pictures.memory import keep_freed_memory, room
from PIL import Image
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
lossless._library = lambda: None
keep_freed_memory()
out = BytesIO()
noise = Image.effect_noise((int(sys.argv[1]), int(sys.argv[2])), 20)
Image.merge("RGB", [noise] * 3).save(out, "JPEG", quality=90)
photo, noise = out.getvalue(), None
for _ in range(3):
    faults = getrusage(RUSAGE_SELF).ru_minflt
    with room("turned", alone=False):
        edited(photo, turn=Image.Transpose.ROTATE_180)
    pages = getrusage(RUSAGE_SELF).ru_minflt - faults
print(pages, round(resident()))
"""
    command = [sys.executable, "-c", code, *map(str, size)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    run = subprocess.run(command, capture_output=True, check=True, env=environment)
    pages, left = map(int, run.stdout.split())
    assert pages < most  # of 4 kB; for both copies of the pixels it takes 24,000, or 47,000
    assert left < 200
