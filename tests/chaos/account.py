"""Accounts for every item of a load: what was accepted is finished, once and right, or it is lost. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from events.services import OPERATIONS


@dataclass
class Accepted:
    """What the suite has said yes to."""

    pictures: dict[str, str] = field(default_factory=dict)
    """Mail address by picture."""
    messages: dict[str, str] = field(default_factory=dict)
    """Session by message of a customer."""
    replies: dict[str, str] = field(default_factory=dict)
    """Session by message of an attendant."""
    poison: int = 0
    """Records that no worker can read; each is to become a dead letter of every reader."""

    @property
    def items(self) -> int:
        return len(self.pictures) * len(OPERATIONS) + len(self.messages) + len(self.replies)


@dataclass
class Seen:
    """What has come of it, as people see it."""

    results: dict[tuple[str, str], str] = field(default_factory=dict)
    """By picture and operation: `right`, or what is wrong with the result."""
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By address and operation."""
    said: Counter[str] = field(default_factory=Counter)
    """How often each message stands in its conversation."""
    classified: Counter[str] = field(default_factory=Counter)
    """How often the tone of each message stands there."""
    states: dict[str, list[str]] = field(default_factory=dict)
    """The state of each conversation, as each replica tells it."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """By service, those that the load did not ask for."""


@dataclass(frozen=True)
class Account:
    """The verdict on one run; empty lists are what it should be."""

    accepted: int
    finished: int
    lost: list[str]
    doubled: list[str]
    wrong: list[str]

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)


def account(accepted: Accepted, seen: Seen) -> Account:
    lost, doubled, wrong = list(_lost(accepted, seen)), list(_doubled(seen)), list(_wrong(seen))
    unfinished = {item.partition(":")[0] for item in lost}
    return Account(accepted.items, accepted.items - len(unfinished), lost, doubled, wrong)


def _lost(accepted: Accepted, seen: Seen) -> Iterator[str]:
    for picture, address in accepted.pictures.items():
        for operation in OPERATIONS:
            if (picture, operation) not in seen.results:
                yield f"{operation} of picture {picture}: no result"
            elif not seen.mails[address, operation]:
                yield f"{operation} of picture {picture}: no mail to {address}"
    for message, session in accepted.messages.items():
        if not seen.said[message]:
            yield f"message {message}: not in conversation {session}"
        elif not seen.classified[message]:
            yield f"message {message}: no tone in conversation {session}"
    for message, session in accepted.replies.items():
        if not seen.said[message]:
            yield f"reply {message}: not in conversation {session}"


def _doubled(seen: Seen) -> Iterator[str]:
    for (address, operation), times in seen.mails.items():
        if times > 1:
            yield f"{times} mails to {address} about {operation}"
    for what, counted in (("said", seen.said), ("classified", seen.classified)):
        for message, times in counted.items():
            if times > 1:
                yield f"message {message} {what} {times} times"


def _wrong(seen: Seen) -> Iterator[str]:
    for (picture, operation), result in seen.results.items():
        if result != "right":
            yield f"{operation} of picture {picture}: {result}"
    for session, states in seen.states.items():
        if len(set(states)) > 1:
            yield f"conversation {session}: replicas say {' and '.join(states)}"
    for service, number in seen.dead_letters.items():
        if number:
            yield f"{number} dead letters of {service} that nobody asked for"
