"""What a handler raises decides what becomes of the record."""


class Passing(Exception):
    """The cause may pass (a full disk, a server away): the record is tried again, for as long as it takes.

    `after`: seconds to wait at least, where the other side has said how long.
    """

    def __init__(self, message: str, after: float = 0.0):
        super().__init__(message)
        self.after = after


class Final(Exception):
    """Trying again cannot help: the record becomes a dead letter at once."""


class GaveUp(Exception):
    """What a handler's `on_failure` is given where an unexpected error came back at every try."""
