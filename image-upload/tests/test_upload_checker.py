"""Files are checked in child processes, and what ends a child is a bad picture, unless the system killed it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from bus import children
from bus.children import ChildDied, ChildTimedOut
from image_upload import checking
from image_upload.checking import Checker, check_request
from pictures import Limits, Refused, room
from web import Problem


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    checker = Checker(Limits(megabytes=1, megapixels=2))
    yield checker
    checker.stop()


def refusal(checker: Checker, path: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        checker.extension(str(path))
    return caught.value


def test_a_good_file_has_the_extension_of_what_it_is(checker: Checker, made: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for form, extension in (("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif"), ("PNG", "png")):
        path.write_bytes(made.picture(form))
        assert checker.extension(str(path)) == extension


def test_a_refusal_comes_back_with_its_figures(checker: Checker, made: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(made.bomb())
    refused = refusal(checker, path)
    assert refused.code == "too-many-pixels"
    assert "176,9 megapixels" in refused.sentence("pt-BR")
    assert "the limit for PNG is 2" in refused.sentence("en")
    path.write_bytes(b"hello")
    assert refusal(checker, path).code == "not-an-image"


def test_where_a_child_is_killed_the_file_may_come_again_and_the_next_is_checked(
    checker: Checker, made: Any, bench: Any, tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(made.picture())
    pipe = tmp_path / "pipe.png"  # reading it lasts until somebody writes
    os.mkfifo(pipe)
    checker.extension(str(good))
    (child,) = filter(None, checker._children._all)

    def kill() -> None:
        writer = os.open(pipe, os.O_WRONLY)  # returns when the child has opened the other end
        os.kill(child.process.pid, signal.SIGKILL)
        os.close(writer)

    killer = threading.Thread(target=kill)
    killer.start()
    with bench.app.test_request_context(), pytest.raises(Problem) as told:
        checker.extension(str(pipe))
    killer.join()
    assert told.value.status == 503
    assert checker.extension(str(good)) == "png"


def test_a_file_that_takes_too_long_is_refused_and_the_next_is_checked(
    checker: Checker, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, good = tmp_path / "pipe.png", tmp_path / "good.png"
    os.mkfifo(pipe)
    good.write_bytes(made.picture())
    with monkeypatch.context() as patch:
        patch.setattr(checking, "SECONDS", 0.2)
        assert refusal(checker, pipe).code == "timed-out"
    assert checker.extension(str(good)) == "png"


@pytest.mark.parametrize(
    ("failure", "code"), [(ChildDied("x", -signal.SIGSEGV), "damaged"), (ChildTimedOut("x"), "timed-out")]
)
def test_what_happens_to_a_child_is_told_as_a_refusal(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str
) -> None:
    checker = Checker(Limits())
    monkeypatch.setattr(checker._children, "call", fails(failure))
    assert refusal(checker, Path("a.png")).code == code


@pytest.mark.parametrize("failure", [ChildDied("x", -signal.SIGKILL), ChildDied("did not come up")])
@pytest.mark.parametrize(("lang", "sentence"), [("en", "Please try again."), ("pt-BR", "Tente novamente.")])
def test_what_is_not_the_fault_of_a_file_lets_it_come_again(
    bench: Any, made: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception, lang: str, sentence: str
) -> None:
    checker = Checker(Limits())
    monkeypatch.setattr(checker._children, "call", fails(failure))
    monkeypatch.setattr(bench.parts.checker, "extension", checker.extension)
    answer = bench.send(("a.png", made.picture()), headers={"Accept-Language": lang})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.mimetype == "application/problem+json"
    assert json.loads(answer.data)["detail"].endswith(sentence)
    assert bench.holds_nothing()


def fails(failure: Exception) -> Any:
    def call(*_args: Any) -> None:
        raise failure

    return call


def test_a_file_for_which_there_is_no_room_may_come_again(
    bench: Any, made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(checking, "in_room", partial(room, "image-upload", patience=0))
    checker = Checker(Limits())
    monkeypatch.setattr(checker._children, "call", lambda request, _seconds: check_request(request))
    (tmp_path / "a.png").write_bytes(made.picture())
    with (
        room("image-upload", alone=True),
        bench.app.test_request_context(),
        pytest.raises(Problem) as told,
    ):
        checker.extension(str(tmp_path / "a.png"))
    assert told.value.status == 503
    assert checker.extension(str(tmp_path / "a.png")) == "png"


def test_a_large_file_is_checked_alone(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(checking, "in_room", partial(room, "image-upload", patience=0))
    files = {name: tmp_path / f"{name}.png" for name in ("small", "large")}
    files["small"].write_bytes(made.picture())
    files["large"].write_bytes(made.picture(size=(5000, 4400)))
    answers = {name: {"path": str(path), "limits": {"megabytes": 100}} for name, path in files.items()}
    with room("image-upload", alone=False):
        assert check_request(answers["small"]) == {"extension": "png"}
        assert "busy" in check_request(answers["large"])
    assert check_request(answers["large"]) == {"extension": "png"}


def test_there_is_memory_for_every_check_beside_a_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "cores", lambda: 8)
    monkeypatch.setattr(children, "memory", lambda: 1024**3)
    assert len(Checker(Limits())._children._all) == 2


def test_children_bring_up_no_web_framework() -> None:
    code = "import sys, image_upload.previewing; print(bool({'flask', 'gevent', 'web'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout == "False\n"
