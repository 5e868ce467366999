"""The quickest of the ways that are right wins. The clock is a fake one: each way takes as long as it says."""

from collections.abc import Mapping
from fractions import Fraction

import pytest
from sentiment_consumer.race import FEW_TOKENS, MANY_TOKENS, SECONDS, Choice, Lead, Race, Run

EXACT = Lead("exact", 1.0)


class Clock:
    """Stands still but for the work that is done."""

    def __init__(self) -> None:
        self.now = Fraction(0)
        self.done: list[tuple[str, int]] = []

    def __call__(self) -> float:
        return self.now  # type: ignore[return-value] # exact, so that ratios are

    def way(self, name: str, few: float, many: float) -> Run:
        """A way that takes so many seconds for FEW_TOKENS, and for MANY_TOKENS."""

        def run(tokens: int) -> None:
            self.done.append((name, tokens))
            self.now += Fraction(str({FEW_TOKENS: few, MANY_TOKENS: many}.get(tokens, few)))

        return run


def raises(_tokens: int) -> None:
    raise RuntimeError("no such engine")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def raced(clock: Clock, seconds: Mapping[str, tuple[float, float]], wrong: str = "", **others: Run) -> Choice:
    """The winner of ways that take so long; labels with the way `wrong` are others."""
    ways = {name: clock.way(name, *both) for name, both in seconds.items()} | others
    return Race(ways, clock).winner(lambda choice: wrong not in {lead.way for lead in choice})


def test_the_quickest_wins(clock: Clock) -> None:
    choice = raced(clock, {"exact": (0.004, 0.02), "slow": (0.005, 0.03), "quick": (0.001, 0.01)})
    assert choice == Choice(Lead("quick", 4.0), Lead("quick", 2.0))


def test_few_tokens_and_many_have_winners_of_their_own(clock: Clock) -> None:
    choice = raced(clock, {"exact": (0.004, 0.02), "streams": (0.001, 0.015), "computes": (0.003, 0.005)})
    assert choice == Choice(Lead("streams", 4.0), Lead("computes", 4.0))


def test_one_way_is_kept_for_both_where_another_is_not_much_quicker(clock: Clock) -> None:
    choice = raced(clock, {"exact": (0.004, 0.04), "one": (0.001, 0.0149), "other": (0.003, 0.01)})
    assert [lead.way for lead in choice] == ["one", "one"]


@pytest.mark.parametrize("seconds", [0.2, 0.0041, 0.0039], ids=["far slower", "slower", "hardly quicker"])
def test_nothing_is_taken_that_is_no_quicker_than_the_reference(clock: Clock, seconds: float) -> None:
    assert raced(clock, {"exact": (0.004, 0.004), "other": (seconds, seconds)}) == Choice(EXACT, EXACT)


@pytest.mark.parametrize("many", [0.02, 0.03, 0.3], ids=["no quicker", "slower", "far slower"])
def test_a_way_may_be_quicker_for_few_tokens_alone(clock: Clock, many: float) -> None:
    assert raced(clock, {"exact": (0.004, 0.02), "other": (0.002, many)}) == Choice(Lead("other", 2.0), EXACT)


def test_a_way_with_other_labels_is_refused(clock: Clock) -> None:
    seconds = {"exact": (0.004, 0.02), "second": (0.002, 0.01), "rough": (0.001, 0.005)}
    assert raced(clock, seconds, wrong="rough") == Choice(Lead("second", 2.0), Lead("second", 2.0))
    assert raced(clock, {"exact": (0.004, 0.02), "rough": (0.001, 0.005)}, wrong="rough") == Choice(EXACT, EXACT)


def test_a_way_that_raises_is_none(clock: Clock) -> None:
    seconds = {"exact": (0.004, 0.02), "quick": (0.002, 0.01)}
    assert raced(clock, seconds, broken=raises) == Choice(Lead("quick", 2.0), Lead("quick", 2.0))
    assert raced(clock, {"exact": (0.004, 0.02)}, broken=raises) == Choice(EXACT, EXACT)


def test_a_way_that_raises_later_is_none(clock: Clock) -> None:
    def weary(tokens: int) -> None:
        if tokens == MANY_TOKENS:
            raises(tokens)

    assert raced(clock, {"exact": (0.004, 0.02)}, weary=weary) == Choice(EXACT, EXACT)


def test_the_reference_may_not_raise(clock: Clock) -> None:
    with pytest.raises(RuntimeError, match="no such engine"):
        Race({"exact": raises, "quick": clock.way("quick", 0.001, 0.01)}, clock).winner(lambda _choice: True)


def test_the_reference_is_not_tried_and_a_choice_once(clock: Clock) -> None:
    tried: list[Choice] = []
    ways = {"exact": clock.way("exact", 0.004, 0.02), "quick": clock.way("quick", 0.001, 0.01)}
    assert Race(ways, clock).winner(lambda choice: bool(tried.append(choice))) == Choice(EXACT, EXACT)
    assert tried == [Choice(Lead("quick", 4.0), Lead("quick", 2.0))]


def test_the_race_ends_in_time(clock: Clock) -> None:
    raced(clock, {"exact": (0.004, 0.02), "quick": (0.003, 0.015)})
    assert SECONDS <= clock.now < SECONDS + 0.04


def test_a_hopeless_way_runs_once(clock: Clock) -> None:
    raced(clock, {"exact": (0.001, 0.006), "int_mm": (0.0104, 0.166), "quick": (0.0002, 0.005)})
    assert [tokens for name, tokens in clock.done if name == "int_mm"] == [1, FEW_TOKENS]


def test_a_slow_machine_has_some_laps_all_the_same(clock: Clock) -> None:
    assert raced(clock, {"exact": (4, 20), "quick": (1, 10)}) == Choice(Lead("quick", 4.0), Lead("quick", 2.0))
    assert clock.done.count(("quick", MANY_TOKENS)) == 3
