"""A stop flag that signal handlers can set safely."""

import queue


class Stop:
    """Tells threads that the process should stop. Unlike threading.Event, it is reentrant.

    A signal handler runs in the main thread between any two instructions. If that thread holds the lock of an Event,
    a handler that sets the Event deadlocks. SimpleQueue.put is reentrant.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._wakeups: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        self._is_set = True
        self._wakeups.put(None)

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until the flag is set, at most `seconds`; returns whether it is set."""
        if not self._is_set:
            try:
                self._wakeups.get(timeout=seconds)
            except queue.Empty:
                return self._is_set
            self._wakeups.put(None)  # wake the next waiter too
        return True
