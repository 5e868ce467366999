"""A flag that signal handlers may set."""

import queue


class Stop:
    """Says that the process shall end. Unlike threading.Event, it may be set by a signal in the middle of itself.

    A handler runs in the main thread between any two instructions: where that thread is inside an Event, which has
    a lock, the handler would wait for it for ever. A SimpleQueue may be put into at any time.
    """

    def __init__(self) -> None:
        self._told = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        self._told = True
        self._wake.put(None)

    def is_set(self) -> bool:
        return self._told

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, at most so long; returns whether it is."""
        if not self._told:
            try:
                self._wake.get(timeout=seconds)
            except queue.Empty:
                return self._told
            self._wake.put(None)  # for others who wait
        return True
