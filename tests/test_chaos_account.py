"""The account of the failure tests: it notices each way in which an item may come to harm, and only those."""

from collections import Counter

import pytest
from chaos.account import Accepted, Account, Seen, account
from events.services import OPERATIONS


@pytest.fixture
def accepted() -> Accepted:
    return Accepted(pictures={"pic": "ana@example.org"}, messages={"m1": "s"}, replies={"r1": "s"})


@pytest.fixture
def seen() -> Seen:
    """What is seen where nothing is amiss."""
    return Seen(
        results={("pic", operation): "right" for operation in OPERATIONS},
        mails=Counter({("ana@example.org", operation): 1 for operation in OPERATIONS}),
        said=Counter({"m1": 1, "r1": 1}),
        classified=Counter({"m1": 1}),
        states={"s": ["bot", "bot"]},
    )


def test_all_is_well(accepted: Accepted, seen: Seen) -> None:
    assert account(accepted, seen) == Account(accepted=5, finished=5, lost=[], doubled=[], wrong=[])
    assert account(accepted, seen).clean


def test_a_result_is_lost(accepted: Accepted, seen: Seen) -> None:
    del seen.results["pic", "rotate"]
    found = account(accepted, seen)
    assert (found.finished, found.lost) == (4, ["rotate of picture pic: no result"])


def test_a_mail_is_lost(accepted: Accepted, seen: Seen) -> None:
    seen.mails["ana@example.org", "caption"] = 0
    assert account(accepted, seen).lost == ["caption of picture pic: no mail to ana@example.org"]


@pytest.mark.parametrize(
    ("gone", "lost"),
    [
        ("m1", "message m1: not in conversation s"),
        ("r1", "reply r1: not in conversation s"),
    ],
)
def test_what_was_said_is_lost(accepted: Accepted, seen: Seen, gone: str, lost: str) -> None:
    seen.said[gone] = 0
    assert account(accepted, seen).lost == [lost]


def test_a_tone_is_lost(accepted: Accepted, seen: Seen) -> None:
    seen.classified.clear()
    assert account(accepted, seen).lost == ["message m1: no tone in conversation s"]


def test_what_people_see_twice_is_doubled(accepted: Accepted, seen: Seen) -> None:
    seen.mails["ana@example.org", "rotate"] = 2
    seen.said["m1"] = 2
    seen.classified["m1"] = 3
    found = account(accepted, seen)
    assert found.doubled == [
        "2 mails to ana@example.org about rotate",
        "message m1 said 2 times",
        "message m1 classified 3 times",
    ]
    assert (found.finished, found.lost, found.wrong) == (5, [], [])


def test_what_is_not_as_it_should_be_is_wrong(accepted: Accepted, seen: Seen) -> None:
    seen.results["pic", "grayscale"] = "other pixels than it should have"
    seen.states["s"] = ["bot", "waiting"]
    seen.dead_letters["rotate-worker"] = 1
    assert account(accepted, seen).wrong == [
        "grayscale of picture pic: other pixels than it should have",
        "conversation s: replicas say bot and waiting",
        "1 dead letters of rotate-worker that nobody asked for",
    ]
    assert not account(accepted, seen).clean
