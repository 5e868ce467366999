"""What the pages show of a terminal without containers comes true; and what runs them notices what does not."""

import re
import sys
from pathlib import Path

import pytest
from console import WHERE, Step, Terminal, steps
from sample_pictures import encoded, quarters
from suite_fixtures import Suite
from test_docs import PAGES, named

SHOWN = [page for page in PAGES if "```console" in page.read_text("utf-8") and not page.name.endswith(".pt-BR.md")]


def test_every_block_says_where_it_runs() -> None:
    blocks = [block for page in PAGES for block in re.findall("```console(.*)", page.read_text("utf-8"))]
    assert blocks
    assert set(blocks) <= {f" {where}" for where in WHERE}


@pytest.mark.parametrize("page", SHOWN, ids=named)
def test_both_languages_show_the_same(page: Path) -> None:
    for where in WHERE:
        assert steps(page, where) == steps(page.with_suffix(".pt-BR.md"), where)


@pytest.mark.broker
@pytest.mark.parametrize("page", [page for page in SHOWN if steps(page, "make-run")], ids=named)
def test_what_a_page_shows_without_containers_comes_true(page: Path, suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded(quarters(), "JPEG"))
    instead = {
        "@photo.jpg": f"@{tmp_path}/photo.jpg",
        "rotated.jpg": f"{tmp_path}/rotated.jpg",
        "localhost:8080": suite.url.removeprefix("http://"),
        "localhost:9092": suite.broker,
        ".venv/bin/python": sys.executable,
    }
    with Terminal(instead) as terminal:
        terminal.run(Step(f"ATTENDANT_TOKEN={suite.token}\n", ""))
        for step in steps(page, "make-run"):
            terminal.run(step)


@pytest.mark.parametrize(
    "step",
    [
        Step("echo one; echo  two\n", "one\ntwo\n"),
        Step("seq 9\n", "1\n…\n9\n"),
        Step("seq 2\n", "1\n…\n2\n"),
        Step("echo id-$RANDOM-end\n", "id-…-end\n"),
        Step("printf 'no end of line'\n", "no end of line\n"),
        Step("printf 'a\\n' |\\\n  cat\n", "a\n"),
        Step("true\n", ""),
        Step("sh -c 'echo before; sleep 600'\n", "before\n^C\n"),
    ],
    ids=lambda step: step.command,
)
def test_what_comes_true_passes(step: Step) -> None:
    with Terminal() as terminal:
        terminal.run(step)
        terminal.run(Step("echo next\n", "next\n"))


@pytest.mark.parametrize(
    "step",
    [
        Step("echo two\n", "one\n"),
        Step("echo one; echo two\n", "one\n"),
        Step("echo one\n", ""),
        Step("true\n", "one\n"),
        Step("echo one; false\n", "one\n"),
        Step("seq 9\n", "1\n…\n8\n"),
        Step("echo one\n", "two\n^C\n"),
    ],
    ids=lambda step: step.command + step.output,
)
def test_what_does_not_come_true_is_noticed(step: Step) -> None:
    with Terminal() as terminal, pytest.raises(AssertionError):
        terminal.run(step)


def test_a_block_is_commands_with_their_outputs(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console compose\n$ one \\\n  more\n1\n2\n$ two\n```\n\n```console docker\n$ three\n^C\n```\n")
    assert steps(page, "compose") == [Step("one \\\n  more\n", "1\n2\n"), Step("two\n", "")]
    assert steps(page, "docker") == [Step("three\n", "^C\n")]
