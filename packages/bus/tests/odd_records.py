"""Records that other clients may send and kafka-python cannot read."""


class NoText(str):
    """The name of a header that is no UTF-8."""

    __slots__ = ()

    def encode(self, *_how: str) -> bytes:
        return b"\xff\xfe"
