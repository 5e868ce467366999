"""kafka_fixes/repeated_wakeups.py: the I/O thread is woken once, and always in time."""

import threading
from collections import deque

from bus import kafka_fixes
from kafka.net.selector import NetworkSelector

kafka_fixes.apply()


def test_what_is_unread_is_not_written_again() -> None:
    selector = NetworkSelector()
    for _ in range(3):
        selector.wakeup()
    assert selector._wakeup_r.recv(10) == b"\0"
    selector.close()


def test_who_slept_again_is_woken_again() -> None:
    selector = NetworkSelector()
    for _ in range(3):
        selector.wakeup()
        selector.poll(timeout_ms=60_000)
    selector.wakeup()
    assert selector._wakeup_r.recv(10) == b"\0"
    selector.close()


def test_no_work_is_left_lying() -> None:
    """As the producer's I/O thread does: work is looked for, then slept until there is more."""
    selector, work, done, end = NetworkSelector(), deque[int](), threading.Semaphore(0), threading.Event()

    def serve() -> None:
        while not end.is_set():
            while work:
                work.popleft()
                done.release()
            selector.poll(timeout_ms=600_000)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    for number in range(20_000):
        work.append(number)
        selector.wakeup()
        if number % 3 == 0:  # now one by one, now several at once
            for _ in range(3 if number else 1):
                assert done.acquire(timeout=60), number
    end.set()
    selector.wakeup()
    server.join(60)
    assert not server.is_alive()
