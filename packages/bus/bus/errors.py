"""What a handler raises decides what becomes of the record."""


class RetryableError(Exception):
    """The cause may pass (a full disk, a server away): the record is tried again, for as long as it takes."""

    def __init__(self, message: str, after_seconds: float = 0.0):
        """`after_seconds`: how long to wait at least, where the other side has said so."""
        super().__init__(message)
        self.after_seconds = after_seconds


class PermanentError(Exception):
    """Trying again cannot help: the record becomes a dead letter at once."""


class AttemptsExhausted(Exception):
    """What a handler's `on_failure` is given where an unexpected error came back at every attempt."""
