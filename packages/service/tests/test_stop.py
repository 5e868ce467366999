"""The stop flag that signal handlers set."""

import subprocess
import sys
import threading

from service.stop import Stop


def test_set_wakes_every_waiting_thread() -> None:
    stop, woken = Stop(), []
    threads = [threading.Thread(target=lambda: woken.append(stop.wait(60))) for _ in range(3)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join(60)
    assert woken == [True] * 3
    assert stop.is_set()
    assert stop.wait(0)


def test_wait_does_not_set_it() -> None:
    stop = Stop()
    assert not stop.wait(0.01)
    assert not stop.is_set()


def test_set_is_safe_in_nested_signal_handlers() -> None:
    program = (
        "import os, signal, threading\n"
        "from service.stop import Stop\n"
        "stop = Stop()\n"
        "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):\n"
        "    signal.signal(number, lambda *_: stop.set())\n"
        "def send_signals():\n"
        "    for _ in range(20000):\n"
        "        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):\n"
        "            os.kill(os.getpid(), number)\n"
        "thread = threading.Thread(target=send_signals)\n"
        "thread.start()\n"
        "while thread.is_alive():\n"
        "    stop.wait(0.001)\n"
        "print('alive')\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout == "alive\n"
