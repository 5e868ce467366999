"""Each call that wakes the I/O thread writes to its socket, though what another wrote is still unread.

Symptom: a producer that is handed many records at once makes a system call for each batch that it begins. Each gives up
the interpreter's lock, so the I/O thread takes its turn and sends a request of one record. Seen in kafka-python 3.0.12.
No public issue known.
"""

from typing import Any

from kafka.net.selector import NetworkSelector


def apply() -> None:
    wakeup, process_events = NetworkSelector.wakeup, NetworkSelector._process_events

    def wake_once(selector: Any) -> None:
        if not selector._woken:
            selector._woken = True
            wakeup(selector)

    def read_then_rearm(selector: Any, events: Any) -> None:
        process_events(selector, events)
        selector._woken = False  # who comes before this line has left its work where this turn of the loop finds it

    NetworkSelector._woken = False
    NetworkSelector.wakeup = wake_once
    NetworkSelector._process_events = read_then_rearm
