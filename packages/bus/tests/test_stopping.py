"""The flag that signals set."""

import subprocess
import sys
import threading

from bus.stopping import Stop


def test_who_waits_is_woken_and_so_are_others() -> None:
    stop, woken = Stop(), []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(30))) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert woken == [True] * 3
    assert stop.is_set()
    assert stop.wait(0)


def test_nothing_is_set_by_waiting() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    assert not stop.is_set()


def test_signals_in_the_middle_of_signals_do_no_harm() -> None:
    program = (
        "import os, signal, threading\n"
        "from bus.stopping import Stop\n"
        "stop = Stop()\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):\n"
        "    signal.signal(number, lambda *_: stop.set())\n"
        "def pelt():\n"
        "    for _ in range(20000):\n"
        "        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):\n"
        "            os.kill(os.getpid(), number)\n"
        "thread = threading.Thread(target=pelt)\n"
        "thread.start()\n"
        "while thread.is_alive():\n"
        "    stop.wait(0.001)\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "alive\n"
