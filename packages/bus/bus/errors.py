"""What a handler raises decides what becomes of the record."""


class Passing(Exception):
    """The cause may pass (a full disk, a server away): the record is tried again, for as long as it takes."""


class Final(Exception):
    """Trying again cannot help: the record becomes a dead letter at once."""


class GaveUp(Exception):
    """What a handler's `on_failure` is given where an unexpected error came back at every try."""
