"""The way of an event."""

from typing import Any

from observer.ways import MAX_STEPS, way_of


def shown(way: Any) -> list[tuple[str, int | None, int, int | None]]:
    return [(step.record.place, step.parent, step.after_ms, step.took_ms) for step in way.steps]


def test_causes_and_what_they_led_to_are_found_from_any_of_them(fakes: Any) -> None:
    image = fakes.summary("image", 1, 1_000, id="a")
    answers = [fakes.summary("notification", number, 1_100 + number, id=f"n{number}", cause="a") for number in (1, 2)]
    mail = fakes.summary("notifier.email", 1, 1_500, id="m", cause="n2")
    other = fakes.summary("image", 2, 1_200, id="b")
    held = [image, other, *answers, mail]
    for target in (image, answers[0], mail):
        way = way_of(target, held)
        assert way.is_linked
        assert shown(way) == [
            ("image/0/1", None, 0, None),
            ("notification/0/1", 0, 101, 101),
            ("notification/0/2", 0, 102, 102),
            ("notifier.email/0/1", 2, 500, 398),
        ]


def test_a_foreign_cause_is_named_by_its_place(fakes: Any) -> None:
    image, answer = fakes.summary("image", 1, 1_000), fakes.summary("notification", 1, 1_200, id="n", cause="image/0/1")
    assert shown(way_of(answer, [image, answer]))[1] == ("notification/0/1", 0, 200, 200)


def test_a_trace_joins_what_no_cause_does(fakes: Any) -> None:
    first, second = fakes.summary("a", 1, 1, trace="t"), fakes.summary("b", 1, 2, trace="t")
    assert [step.parent for step in way_of(first, [first, second]).steps] == [None, None]


def test_a_dead_letter_comes_after_its_original_whose_id_it_has(fakes: Any) -> None:
    image = fakes.summary("image", 1, 1_000, id="a")
    letter = fakes.summary("rotate-worker.dlq", 5, 1_300, id="a", cause="image/0/1")
    answer = fakes.summary("notification", 1, 1_200, id="n", cause="a")
    for held in ([letter, image, answer], [image, answer, letter]):
        assert [step[1:] for step in way_of(letter, held).steps] == [(None, 0, None), (0, 200, 200), (0, 300, 300)]


def test_a_cause_that_has_left_the_topic_is_unknown(fakes: Any) -> None:
    answer = fakes.summary("notification", 1, 1_200, id="n", cause="gone")
    way = way_of(answer, [])
    assert shown(way) == [("notification/0/1", None, 0, None)]
    assert not way.is_linked


def test_clocks_that_disagree_give_no_time_and_keep_the_order(fakes: Any) -> None:
    image = fakes.summary("image", 1, 1_000, id="a")
    early = fakes.summary("notification", 1, 900, id="n", cause="a")
    assert shown(way_of(early, [early, image])) == [("image/0/1", None, 0, None), ("notification/0/1", 0, -100, None)]


def test_a_forged_circle_ends(fakes: Any) -> None:
    ring = [fakes.summary("a", number, number, id=str(number), cause=str((number + 1) % 3)) for number in range(3)]
    way = way_of(ring[0], ring)
    assert [step.record.offset for step in way.steps] == [0, 1, 2]
    assert all(step.parent is None or step.parent < 3 for step in way.steps)
    itself = fakes.summary("a", 1, 1, id="x", cause="x")
    assert [step.parent for step in way_of(itself, [itself]).steps] == [None]


def test_the_nearest_of_very_many_are_shown_and_it_is_not_complete(fakes: Any) -> None:
    held = [fakes.summary("a", number, number, trace="t") for number in range(5 * MAX_STEPS)]
    way = way_of(held[250], held)
    assert len(way.steps) == MAX_STEPS
    assert {step.record.offset for step in way.steps} >= set(range(220, 280))
    assert not way.is_linked
