"""Child processes: JSON in and out, and whatever a child does, its parent goes on."""

import os
import pkgutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bus import children as module
from bus.children import ChildDied, Children, ChildTimedOut, memory, places
from suite_fixtures import eventually

WORK = "example_work:work"


@pytest.fixture(params=["executed", "forked"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Children]]:
    """Children of both kinds."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}")
    made: list[Children] = []

    def make(count: int = 1, megabytes: int = 900, at_once: int = 1) -> Children:
        function = WORK if request.param == "executed" else pkgutil.resolve_name(WORK)
        made.append(Children(function, count, megabytes, at_once))
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


def test_a_child_works_on_as_many_calls_at_once_as_it_is_told(make: Any, tmp_path: Path) -> None:
    children, pids = make(1, at_once=2), []
    a, b = str(tmp_path / "a"), str(tmp_path / "b")

    def meet(mine: str, other: str) -> None:
        pids.append(children.call({"do": "meet", "mine": mine, "other": other}, 20))

    threads = [threading.Thread(target=meet, args=pair) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pids) == 2
    assert len(set(pids)) == 1


@pytest.mark.parametrize("how", ["leave", "fail"])
def test_a_death_is_told_to_all_whom_it_concerns(make: Any, how: str, tmp_path: Path) -> None:
    children, ended = make(1, at_once=2), []
    never, there = str(tmp_path / "never"), tmp_path / "there"

    def call() -> None:
        with pytest.raises(ChildDied, match="status"):
            children.call({"do": "meet", "mine": str(there), "other": never}, 20)
        ended.append(True)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(there.exists)
    with pytest.raises(ChildDied, match="status"):
        children.call({"do": how})
    thread.join(10)
    assert ended
    assert children.call({"do": "echo", "what": 1}) == 1


def test_start_brings_up_the_child_that_is_called_first(make: Any) -> None:
    children = make(2)
    children.start()
    (running,) = [child.process for child in children._all if child]
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
    eventually(lambda: not children._all[0].alive)
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


def test_a_child_that_does_not_come_up_is_told() -> None:
    with pytest.raises(ChildDied, match="at its start") as told:
        Children("bus.nothing:at_all").call({"do": "pid"})
    assert told.value.killed


@pytest.mark.parametrize(("how", "killed"), [("leave", False), ("fail", False), ("crash", False), ("kill", True)])
def test_what_the_system_kills_is_told_apart_from_what_dies_of_its_work(make: Any, how: str, killed: bool) -> None:
    with pytest.raises(ChildDied) as told:
        make().call({"do": how})
    assert told.value.killed is killed


GIB = 1024**3
IN_V2 = {"proc/self/cgroup": "0::/"}
IN_V1 = {"proc/self/cgroup": "4:memory:/docker/abc\n1:cpu:/docker/abc\n0::/docker/abc"}
LIMITS: dict[str, tuple[dict[str, str], int]] = {
    "version 2, in a container": (IN_V2 | {"sys/fs/cgroup/memory.max": f"{GIB}\n"}, GIB),
    "version 2, seen from the machine": (
        {"proc/self/cgroup": "0::/user.slice/a.service", "sys/fs/cgroup/user.slice/a.service/memory.max": f"{GIB}"},
        GIB,
    ),
    "version 2, of the group around": (
        {
            "proc/self/cgroup": "0::/pod/abc",
            "sys/fs/cgroup/pod/memory.max": f"{GIB}",
            "sys/fs/cgroup/pod/abc/memory.max": f"{2 * GIB}",
        },
        GIB,
    ),
    "version 1, in a container": (IN_V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": f"{GIB}\n"}, GIB),
    "version 1, seen from the machine": (
        IN_V1 | {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": f"{GIB}"},
        GIB,
    ),
    "version 2 without a limit": (IN_V2 | {"sys/fs/cgroup/memory.max": "max\n"}, 2 * GIB),
    "version 1 without a limit": (IN_V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}"}, 2 * GIB),
    "a limit above the machine": (IN_V2 | {"sys/fs/cgroup/memory.max": f"{9 * GIB}"}, 2 * GIB),
    "no container": ({}, 2 * GIB),
}


@pytest.mark.parametrize("case", LIMITS)
def test_memory_is_what_the_container_may_take_else_a_quarter_of_the_machine(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8 * GIB // 4096}.__getitem__)
    files, expected = LIMITS[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert memory(tmp_path) == expected


@pytest.mark.parametrize(
    ("cores", "memory", "alone", "beside_another"),
    [(1, GIB, 1, 1), (2, GIB, 2, 2), (8, GIB, 3, 2), (64, GIB, 3, 2), (8, 4 * GIB, 8, 8), (4, GIB // 4, 1, 1)],
)
def test_there_is_a_child_a_core_while_there_is_memory(
    cores: int, memory: int, alone: int, beside_another: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cores", lambda: cores)
    monkeypatch.setattr(module, "memory", lambda: memory)
    assert (places(), places(but=1)) == (alone, beside_another)
    assert len(Children(WORK)._all) == alone


def test_forks_share_what_was_there_and_keep_what_they_change_to_themselves() -> None:
    shared = ["before"]

    def changed(word: str) -> list[str]:
        shared.append(word)
        return shared

    children = Children(changed, count=1)
    shared.append("after the template was made")
    assert children.call("first") == ["before", "first"]
    assert children.call("second") == ["before", "first", "second"]
    children.kill()
    assert children.call("third") == ["before", "third"]
    children.kill()


def test_close_leaves_nothing_behind() -> None:
    first, second = (Children(lambda _request: [os.getpid(), os.getppid()], count=1) for _ in range(2))
    pids = [*first.call(None), *second.call(None)]
    first.close()
    second.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_without_its_template_no_child_comes() -> None:
    children = Children(lambda _request: os.getppid(), count=1)
    template = children.call(None)
    children.kill()
    os.kill(template, 9)
    os.waitpid(template, 0)
    with pytest.raises(OSError, match="template"):
        children.call(None)


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
    eventually(lambda: sum(children._calls))
    children.kill()
    thread.join(10)
    assert len(ended) == 1
    assert not Path(f"/proc/{pid}").exists()


def test_children_end_with_their_parent(make: Any) -> None:
    children = make()
    pid = children.call({"do": "pid"})
    children._all[0].process.requests.close()
    eventually(lambda: children._all[0]._status == 0)
    assert not Path(f"/proc/{pid}").exists()
