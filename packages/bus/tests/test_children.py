"""Child processes: JSON in and out, and whatever a child does, its parent goes on."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.children import ChildDied, Children, ChildTimedOut
from suite_fixtures import eventually

WORK = f"{Path(__file__).with_name('example_work.py')}:work"


@pytest.fixture
def make() -> Iterator[Callable[..., Children]]:
    made: list[Children] = []

    def make(count: int = 1, megabytes: int = 900, target: str = WORK) -> Children:
        made.append(Children(target, count, megabytes))
        return made[-1]

    yield make
    for children in made:
        children.kill()


@pytest.mark.parametrize("what", [None, 7, "ação 😀\n\0", [], {"a": [1, {"b": None}]}, "x" * 3_000_000])
def test_json_goes_in_and_comes_out(make: Any, what: Any) -> None:
    assert make().call({"do": "echo", "what": what}) == what


def test_one_child_serves_call_after_call(make: Any) -> None:
    children = make(2)
    assert len({children.call({"do": "pid"}) for _ in range(5)}) == 1


def test_the_second_child_is_started_when_the_first_is_busy(make: Any, tmp_path: Path) -> None:
    children, pids = make(2), []
    first = children.call({"do": "pid"})
    a, b = str(tmp_path / "a"), str(tmp_path / "b")

    def meet(mine: str, other: str) -> None:
        pids.append(children.call({"do": "meet", "mine": mine, "other": other}, 20))

    threads = [threading.Thread(target=meet, args=pair) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(pids)) == 2
    assert first in pids


def test_more_calls_than_children_wait_for_their_turn(make: Any) -> None:
    children = make(2)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(children.call({"do": "echo", "what": n}))) for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(20))


def test_start_brings_up_the_child_that_is_called_first(make: Any) -> None:
    children = make(2)
    children.start()
    (running,) = [child._process for child in children._all if child._process]
    assert children.call({"do": "pid"}) == running.pid


@pytest.mark.parametrize("how", ["leave", "kill", "fail", "unspeakable"])
def test_a_death_is_told_and_the_next_call_has_a_new_child(make: Any, how: str) -> None:
    children = make()
    before = children.call({"do": "pid"})
    with pytest.raises(ChildDied, match="status"):
        children.call({"do": how})
    assert children.call({"do": "pid"}) != before
    assert children.call({"do": "echo", "what": 1}) == 1


def test_a_child_that_died_between_calls_is_replaced(make: Any) -> None:
    children = make()
    pid = children.call({"do": "pid"})
    os.kill(pid, 9)
    eventually(lambda: children._all[0]._process.poll() is not None)
    assert children.call({"do": "echo", "what": "here"}) == "here"


def test_work_that_takes_too_long_is_ended(make: Any) -> None:
    children = make()
    pid = children.call({"do": "pid"})
    with pytest.raises(ChildTimedOut):
        children.call({"do": "hang"}, seconds=0.2)
    assert not Path(f"/proc/{pid}").exists()
    assert children.call({"do": "echo", "what": 1}) == 1


def test_memory_past_the_limit_is_refused_to_the_child_not_to_its_parent(make: Any) -> None:
    children = make(megabytes=600)
    assert children.call({"do": "grab", "size": 700_000_000}) == "MemoryError"
    assert children.call({"do": "grab", "size": 50_000_000}) == 50_000_000
    assert len(bytearray(700_000_000)) == 700_000_000


def test_what_the_function_prints_does_not_disturb(make: Any, capfd: pytest.CaptureFixture[str]) -> None:
    children = make()
    assert children.call({"do": "chatter"}, 10) == "printed"
    assert children.call({"do": "echo", "what": 2}) == 2
    children.kill()
    out, err = capfd.readouterr()
    assert out == ""
    assert "to the output" in err


def test_a_function_that_asks_is_not_given_the_next_request(make: Any) -> None:
    children = make()
    with pytest.raises(ChildDied):  # there is no input: EOFError
        children.call({"do": "ask"})


def test_a_child_that_does_not_come_up_is_told(make: Any) -> None:
    with pytest.raises(ChildDied, match="at its start"):
        make(target="bus.nothing:at_all").call({"do": "pid"})


def test_kill_abandons_work_under_way(make: Any) -> None:
    children = make()
    pid = children.call({"do": "pid"})
    ended: list[Exception] = []

    def call() -> None:
        try:
            children.call({"do": "hang"})
        except ChildDied as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(lambda: not children._free.qsize())
    children.kill()
    thread.join(10)
    assert len(ended) == 1
    assert not Path(f"/proc/{pid}").exists()


def test_children_end_with_their_parent(make: Any) -> None:
    children = make()
    pid = children.call({"do": "pid"})
    children._all[0]._process.stdin.close()
    assert children._all[0]._process.wait(10) == 0
    assert not Path(f"/proc/{pid}").exists()
