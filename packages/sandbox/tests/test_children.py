"""Child processes take and return JSON, and whatever a child does, its parent survives."""

import os
import pkgutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sandbox import ChildDied, ChildPool, ChildTimedOut, child_count, resources
from sandbox.resources import memory_limit_bytes
from suite_fixtures import eventually

WORK = "example_work:work"


@pytest.fixture(params=["spawned", "forked"])
def make_pool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ChildPool]]:
    """Makes a ChildPool, of either kind."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}")
    pools: list[ChildPool] = []

    def make(count: int = 1, megabytes: int = 900, concurrency: int = 1) -> ChildPool:
        function = WORK if request.param == "spawned" else pkgutil.resolve_name(WORK)
        pools.append(ChildPool(function, count, megabytes, concurrency))
        return pools[-1]

    yield make
    for pool in pools:
        pool.kill()


@pytest.mark.parametrize("value", [None, 7, "ação 😀\n\0", [], {"a": [1, {"b": None}]}, "x" * 3_000_000])
def test_json_round_trips(make_pool: Any, value: Any) -> None:
    assert make_pool().call({"function": "echo", "value": value}) == value


def test_consecutive_calls_use_one_child(make_pool: Any) -> None:
    children = make_pool(2)
    assert len({children.call({"function": "pid"}) for _ in range(5)}) == 1


def pids_of_two_that_meet(children: Any, folder: Path) -> list[int]:
    """In which children two calls ran that wait for each other."""
    a, b, pids = str(folder / "a"), str(folder / "b"), []

    def meet(mine: str, other: str) -> None:
        pids.append(children.call({"function": "meet", "mine": mine, "other": other}, 20))

    threads = [threading.Thread(target=meet, args=pair) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return pids


def test_the_second_child_is_started_when_the_first_is_busy(make_pool: Any, tmp_path: Path) -> None:
    children = make_pool(2)
    first = children.call({"function": "pid"})
    pids = pids_of_two_that_meet(children, tmp_path)
    assert len(set(pids)) == 2
    assert first in pids


def test_more_calls_than_children_wait_for_their_turn(make_pool: Any) -> None:
    children = make_pool(2)
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: answers.append(children.call({"function": "echo", "value": n})))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(20))


def test_a_child_runs_as_many_concurrent_calls_as_configured(make_pool: Any, tmp_path: Path) -> None:
    pids = pids_of_two_that_meet(make_pool(1, concurrency=2), tmp_path)
    assert len(pids) == 2
    assert len(set(pids)) == 1


@pytest.mark.parametrize("function", ["exit_process", "raise_error"])
def test_when_a_child_exits_all_its_pending_calls_fail(make_pool: Any, function: str, tmp_path: Path) -> None:
    children, ended = make_pool(1, concurrency=2), []
    never, there = str(tmp_path / "never"), tmp_path / "there"

    def call() -> None:
        with pytest.raises(ChildDied, match="status"):
            children.call({"function": "meet", "mine": str(there), "other": never}, 120)
        ended.append(True)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(there.exists)
    with pytest.raises(ChildDied, match="status"):
        children.call({"function": function})
    thread.join(60)
    assert ended
    assert children.call({"function": "echo", "value": 1}) == 1


def test_start_starts_the_child_that_the_first_call_uses(make_pool: Any) -> None:
    children = make_pool(2)
    children.start()
    (running,) = [child.process for child in children._children if child]
    assert children.call({"function": "pid"}) == running.pid


@pytest.mark.parametrize("function", ["exit_process", "kill_itself", "raise_error", "not_json"])
def test_a_child_that_exits_fails_its_call_and_is_replaced(make_pool: Any, function: str) -> None:
    children = make_pool()
    before = children.call({"function": "pid"})
    with pytest.raises(ChildDied, match="status"):
        children.call({"function": function})
    assert children.call({"function": "pid"}) != before
    assert children.call({"function": "echo", "value": 1}) == 1


def test_a_child_that_exits_between_calls_is_replaced(make_pool: Any) -> None:
    children = make_pool()
    pid = children.call({"function": "pid"})
    os.kill(pid, 9)
    eventually(lambda: not children._children[0].alive)
    assert children.call({"function": "echo", "value": "here"}) == "here"


def test_a_call_that_times_out_kills_its_child(make_pool: Any) -> None:
    children = make_pool()
    pid = children.call({"function": "pid"})
    with pytest.raises(ChildTimedOut):
        children.call({"function": "hang"}, seconds=0.2)
    assert not Path(f"/proc/{pid}").exists()
    assert children.call({"function": "echo", "value": 1}) == 1


def test_the_memory_limit_applies_to_the_child_alone(make_pool: Any) -> None:
    children = make_pool(megabytes=600)
    assert children.call({"function": "allocate", "size": 700_000_000}) == "MemoryError"
    assert children.call({"function": "allocate", "size": 50_000_000}) == 50_000_000
    assert len(bytearray(700_000_000)) == 700_000_000


def test_printed_output_does_not_corrupt_the_responses(make_pool: Any, capfd: pytest.CaptureFixture[str]) -> None:
    children = make_pool()
    assert children.call({"function": "print_output"}, 10) == "printed"
    assert children.call({"function": "echo", "value": 2}) == 2
    children.kill()
    out, err = capfd.readouterr()
    assert out == ""
    assert "to the output" in err


def test_a_function_cannot_read_requests_from_standard_input(make_pool: Any) -> None:
    children = make_pool()
    with pytest.raises(ChildDied):  # there is no input: EOFError
        children.call({"function": "read_input"})


def test_a_child_that_does_not_start_raises_child_died() -> None:
    with pytest.raises(ChildDied, match="at its start") as caught:
        ChildPool("sandbox.nothing:at_all").call({"function": "pid"})
    assert caught.value.killed


@pytest.mark.parametrize(
    ("function", "killed"), [("exit_process", False), ("raise_error", False), ("crash", False), ("kill_itself", True)]
)
def test_killed_tells_sigkill_from_a_crash(make_pool: Any, function: str, killed: bool) -> None:
    with pytest.raises(ChildDied) as caught:
        make_pool().call({"function": function})
    assert caught.value.killed is killed


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
def test_the_memory_limit_is_that_of_the_container_or_a_quarter_of_the_machine(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 8 * GIB // 4096}.__getitem__)
    files, expected = LIMITS[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert memory_limit_bytes(tmp_path) == expected


@pytest.mark.parametrize(
    ("cores", "memory", "alone", "beside_another"),
    [(1, GIB, 1, 1), (2, GIB, 2, 2), (8, GIB, 3, 2), (64, GIB, 3, 2), (8, 4 * GIB, 8, 8), (4, GIB // 4, 1, 1)],
)
def test_there_is_one_child_per_core_if_memory_allows(
    cores: int, memory: int, alone: int, beside_another: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "available_cores", lambda: cores)
    monkeypatch.setattr(resources, "memory_limit_bytes", lambda: memory)
    assert (child_count(), child_count(reserved=1)) == (alone, beside_another)
    assert len(ChildPool(WORK)._children) == alone


def test_forked_children_inherit_memory_and_do_not_share_changes() -> None:
    shared = ["before"]

    def changed(word: str) -> list[str]:
        shared.append(word)
        return shared

    children = ChildPool(changed, count=1)
    shared.append("after the template was made")
    assert children.call("first") == ["before", "first"]
    assert children.call("second") == ["before", "first", "second"]
    children.kill()
    assert children.call("third") == ["before", "third"]
    children.kill()


def test_close_leaves_no_process_behind() -> None:
    first, second = (ChildPool(lambda _request: [os.getpid(), os.getppid()], count=1) for _ in range(2))
    pids = [*first.call(None), *second.call(None)]
    first.close()
    second.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_without_its_template_no_child_starts() -> None:
    children = ChildPool(lambda _request: os.getppid(), count=1)
    template = children.call(None)
    children.kill()
    os.kill(template, 9)
    os.waitpid(template, 0)
    with pytest.raises(OSError, match="template"):
        children.call(None)


def test_kill_aborts_calls_in_progress(make_pool: Any) -> None:
    children = make_pool()
    pid = children.call({"function": "pid"})
    ended: list[Exception] = []

    def call() -> None:
        try:
            children.call({"function": "hang"})
        except ChildDied as error:
            ended.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    eventually(lambda: sum(children._active_calls))
    children.kill()
    thread.join(60)
    assert len(ended) == 1
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_exits_when_its_parent_closes_the_pipe(make_pool: Any) -> None:
    children = make_pool()
    pid = children.call({"function": "pid"})
    children._children[0].process.requests.close()
    eventually(lambda: children._children[0]._status == 0)
    assert not Path(f"/proc/{pid}").exists()
