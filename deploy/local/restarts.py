"""When a program that has exited is started again: at once, and after growing pauses where it keeps failing. Pure."""

LONGEST_PAUSE_SECONDS = 30.0
STEADY_AFTER_SECONDS = 60.0
"""A program that runs this long has recovered: its next exit is a first one."""
FAILING_AFTER_EXITS = 5


class Restarts:
    """The exits of one program."""

    def __init__(self) -> None:
        self.exits = 0
        """In a row, without a steady run between them."""
        self.due: float | None = None
        """When it is to be started again; None while it runs."""
        self._started_at = float("-inf")

    def running(self, now: float) -> bool:
        """It runs. Returns whether it has just recovered from failing again and again."""
        if self.exits and now - self._started_at >= STEADY_AFTER_SECONDS:
            recovered, self.exits = self.is_failing, 0
            return recovered
        return False

    def exited(self, now: float) -> bool:
        """It has exited. Returns whether it keeps failing from this exit on."""
        if self.due is not None:
            return False
        self.running(now)
        self.exits += 1
        pause = 0.0 if self.exits == 1 else 2.0 ** min(self.exits - 2, 10)
        self.due = now + min(pause, LONGEST_PAUSE_SECONDS)
        return self.exits == FAILING_AFTER_EXITS

    def is_due(self, now: float) -> bool:
        return self.due is not None and now >= self.due

    def started(self, now: float) -> None:
        self.due, self._started_at = None, now

    @property
    def is_failing(self) -> bool:
        return self.exits >= FAILING_AFTER_EXITS
