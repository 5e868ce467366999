"""Files are checked in child processes, and what kills a child is a bad picture."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bus.children import ChildDied, ChildTimedOut
from image_upload import checking
from image_upload.checking import Checker
from pictures import Limits, Refused


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


def test_a_child_that_is_killed_refuses_the_file_and_the_next_is_checked(
    checker: Checker, made: Any, tmp_path: Path
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
    assert refusal(checker, pipe).code == "damaged"
    killer.join()
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


@pytest.mark.parametrize(("failure", "code"), [(ChildDied("x"), "damaged"), (ChildTimedOut("x"), "timed-out")])
def test_what_happens_to_a_child_is_told_as_a_refusal(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str
) -> None:
    checker = Checker(Limits())

    def fails(*_args: Any) -> None:
        raise failure

    monkeypatch.setattr(checker._children, "call", fails)
    assert refusal(checker, Path("a.png")).code == code
