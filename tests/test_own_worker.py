"""docs/your-own-worker.md: its workers run as they are printed, and its entry is what `make new-worker` writes."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from sample_pictures import alike, corners, encoded, opened, quarters
from suite_fixtures import ROOT, Suite, eventually

PAGES = [ROOT / "docs" / name for name in ("your-own-worker.md", "your-own-worker.pt-BR.md")]


def blocks(page: Path) -> list[str]:
    """The programs on the page: the worker, the listener, its test."""
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_both_pages_print_the_same_short_programs() -> None:
    english, portuguese = map(blocks, PAGES)
    assert len(english) == 3
    assert english == portuguese
    assert all(len(block.splitlines()) < 25 for block in english)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_entry_printed_is_the_one_that_is_made(page: Path, with_mirror: Path) -> None:
    (entry,) = re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    made = json.loads((with_mirror / "packages/events/events/services.json").read_text(encoding="utf-8"))
    assert list(json.loads(f"{{{entry}}}").items()) == list(made.items())[-1:]


def test_the_test_of_the_page_passes_as_printed(tmp_path: Path) -> None:
    _worker, listener, test = blocks(PAGES[0])
    (tmp_path / "printer.py").write_text(listener, encoding="utf-8")
    (tmp_path / "test_printer.py").write_text(test, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_printer.py"]
    env = os.environ | {"RUN_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


@contextmanager
def running(code: str, path: Path, suite: Suite, **env: str) -> Iterator[Path]:
    """The program, run by hand as the page says; yields where its output is."""
    path.write_text(code, encoding="utf-8")
    output = path.with_suffix(".output")
    env = {"KAFKA_BOOTSTRAP_SERVERS": suite.broker, "PYTHONDONTWRITEBYTECODE": "1"} | env
    with output.open("w") as stream:
        process = subprocess.Popen([sys.executable, path], env=os.environ | env, stdout=stream, stderr=stream)
    try:
        yield output
        assert process.poll() is None, output.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, output.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.broker
def test_the_workers_of_the_page_work_as_printed(suite: Suite, tmp_path: Path) -> None:
    if not suite.store:
        pytest.skip("the store of this suite cannot be reached from here")
    worker, listener, _test = blocks(PAGES[0])
    own = {"RUN_DIR": str(tmp_path)}
    with (
        running(worker, tmp_path / "mirror.py", suite, STORE_URL=suite.store, **own),
        running(listener, tmp_path / "printer.py", suite, **own) as printed,
    ):
        (accepted,) = suite.upload(("perfil.jpg", encoded(quarters(), "JPEG")))
        key = accepted["id"].encode()

        def mirrored(record: object) -> bool:
            return record.key == key and json.loads(record.value)["operation"] == "mirror"  # type: ignore[attr-defined]

        told = json.loads(suite.records("notification", mirrored)[0].value)
        result = f"processed/mirror/{accepted['id']}_mirror.jpeg"
        assert (told["status"], told["result"]) == ("done", result)
        line = f"perfil.jpg: mirror done, {result}"
        eventually(lambda: line in printed.read_text())
    folder = Path(suite.store.removeprefix("file://"))
    found = corners(opened((folder / result).read_bytes()))
    wanted = corners(quarters().transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert all(map(alike, found, wanted))
    suite.finished(accepted["id"])
