"""The messages of one recipient that wait behind one that has been put off, in order.

Kept in the state: where the line begins and ends under `CHANNEL ADDRESS`, each message under `CHANNEL ADDRESS PLACE`.
"""

from bus import State
from events.messages import MessageDue


class Line:
    """Empty as long as the recipient accepts all messages. The first one is tried now and then, the others wait."""

    def __init__(self, kind: type[MessageDue], recipient: str, state: State):
        self._kind = kind
        self._recipient = recipient
        self._state = state
        try:
            self._begin, self._end = map(int, state.get(recipient))
        except (TypeError, ValueError):  # nothing is kept, or something else
            self._begin = self._end = 0

    def join(self, due: MessageDue, now: float) -> MessageDue:
        """Put a message at the end. Returns it with its place."""
        due = due.model_copy(update={"place": self._end, "put_off_at": now})
        self._state.put(f"{self._recipient} {self._end}", due.model_dump(mode="json"))
        self._move(self._begin, self._end + 1)
        return due

    def first(self) -> MessageDue | None:
        """The message whose turn it is; None where nothing waits."""
        while self._begin < self._end:
            kept = self._state.get(f"{self._recipient} {self._begin}")
            if kept is not None:
                return self._kind.model_validate(kept)
            self._move(self._begin + 1, self._end)  # older than what the state store keeps
        return None

    def leave(self) -> None:
        """The first message has had its turn."""
        self._move(self._begin + 1, self._end)

    def _move(self, begin: int, end: int) -> None:
        self._state.put(self._recipient, [begin, end])
        self._begin, self._end = begin, end
