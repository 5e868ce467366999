"""Uploads are checked in child processes; a picture that crashes its child is refused, unless the system killed it."""

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
from image_upload import upload_check
from image_upload.upload_check import UploadChecker, check_in_child
from pictures import Limits, Refused, room
from sandbox import ChildDied, ChildTimedOut, resources
from web import Problem


@pytest.fixture(scope="module")
def checker() -> Iterator[UploadChecker]:
    checker = UploadChecker(Limits(megabytes=1, megapixels=2))
    yield checker
    checker.stop()


def refusal(checker: UploadChecker, path: Path) -> Refused:
    with pytest.raises(Refused) as caught:
        checker.extension(str(path))
    return caught.value


def test_the_extension_is_that_of_the_actual_format(checker: UploadChecker, samples: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for form, extension in (("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif"), ("PNG", "png")):
        path.write_bytes(samples.picture(form))
        assert checker.extension(str(path)) == extension


def test_a_refusal_names_the_limit(checker: UploadChecker, samples: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(samples.bomb())
    refused = refusal(checker, path)
    assert refused.code == "too-many-pixels"
    assert "176,9 megapixels" in refused.sentence("pt-BR")
    assert "the limit for PNG is 2" in refused.sentence("en")
    path.write_bytes(b"hello")
    assert refusal(checker, path).code == "not-an-image"


def test_a_child_that_the_system_kills_is_503_and_the_next_file_is_checked(
    checker: UploadChecker, samples: Any, harness: Any, tmp_path: Path
) -> None:
    good = tmp_path / "good.png"
    good.write_bytes(samples.picture())
    pipe = tmp_path / "pipe.png"  # reading blocks until somebody writes
    os.mkfifo(pipe)
    checker.extension(str(good))
    (child,) = filter(None, checker._children._children)

    def kill() -> None:
        writer = os.open(pipe, os.O_WRONLY)  # returns when the child has opened the other end
        os.kill(child.process.pid, signal.SIGKILL)
        os.close(writer)

    killer = threading.Thread(target=kill)
    killer.start()
    with harness.app.test_request_context(), pytest.raises(Problem) as caught:
        checker.extension(str(pipe))
    killer.join()
    assert caught.value.status == 503
    assert checker.extension(str(good)) == "png"


def test_a_file_that_times_out_is_refused_and_the_next_is_checked(
    checker: UploadChecker, samples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, good = tmp_path / "pipe.png", tmp_path / "good.png"
    os.mkfifo(pipe)
    good.write_bytes(samples.picture())
    with monkeypatch.context() as patch:
        patch.setattr(upload_check, "TIMEOUT_SECONDS", 0.2)
        assert refusal(checker, pipe).code == "timed-out"
    assert checker.extension(str(good)) == "png"


@pytest.mark.parametrize(
    ("failure", "code"), [(ChildDied("x", -signal.SIGSEGV), "damaged"), (ChildTimedOut("x"), "timed-out")]
)
def test_a_crash_and_a_timeout_of_the_child_refuse_the_file(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, code: str
) -> None:
    checker = UploadChecker(Limits())
    monkeypatch.setattr(checker._children, "call", raises(failure))
    assert refusal(checker, Path("a.png")).code == code


@pytest.mark.parametrize("failure", [ChildDied("x", -signal.SIGKILL), ChildDied("did not come up")])
@pytest.mark.parametrize(("lang", "sentence"), [("en", "Please try again."), ("pt-BR", "Tente novamente.")])
def test_a_child_killed_or_not_started_is_503(
    harness: Any, samples: Any, monkeypatch: pytest.MonkeyPatch, failure: Exception, lang: str, sentence: str
) -> None:
    checker = UploadChecker(Limits())
    monkeypatch.setattr(checker._children, "call", raises(failure))
    monkeypatch.setattr(harness.backend.checker, "extension", checker.extension)
    response = harness.send(("a.png", samples.picture()), headers={"Accept-Language": lang})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) >= 1
    assert response.mimetype == "application/problem+json"
    assert json.loads(response.data)["detail"].endswith(sentence)
    assert harness.is_empty()


def raises(failure: Exception) -> Any:
    def call(*_args: Any) -> None:
        raise failure

    return call


def test_a_file_that_gets_no_memory_is_503(
    harness: Any, samples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(upload_check, "reserve_memory", partial(room, "image-upload", patience=0))
    checker = UploadChecker(Limits())
    monkeypatch.setattr(checker._children, "call", lambda request, _seconds: check_in_child(request))
    (tmp_path / "a.png").write_bytes(samples.picture())
    with (
        room("image-upload", alone=True),
        harness.app.test_request_context(),
        pytest.raises(Problem) as caught,
    ):
        checker.extension(str(tmp_path / "a.png"))
    assert caught.value.status == 503
    assert checker.extension(str(tmp_path / "a.png")) == "png"


def test_a_large_file_is_checked_alone(samples: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(upload_check, "reserve_memory", partial(room, "image-upload", patience=0))
    files = {name: tmp_path / f"{name}.png" for name in ("small", "large")}
    files["small"].write_bytes(samples.picture())
    files["large"].write_bytes(samples.picture(size=(5000, 4400)))
    requests = {name: {"path": str(path), "limits": {"megabytes": 100}} for name, path in files.items()}
    with room("image-upload", alone=False):
        assert check_in_child(requests["small"]) == {"extension": "png"}
        assert "busy" in check_in_child(requests["large"])
    assert check_in_child(requests["large"]) == {"extension": "png"}


def test_the_number_of_children_leaves_memory_for_a_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "available_cores", lambda: 8)
    monkeypatch.setattr(resources, "memory_limit_bytes", lambda: 1024**3)
    assert len(UploadChecker(Limits())._children._children) == 2


def test_children_do_not_import_the_web_framework() -> None:
    code = "import sys, image_upload.previews; print(bool({'flask', 'gevent', 'web'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout == "False\n"
