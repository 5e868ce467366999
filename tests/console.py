"""Runs the blocks of a page that show a terminal, and compares what they print with what the page shows.

Such a block begins with ```console and where it runs: `make-run` (the suite without containers), `compose` (with
containers) or `docker` (an engine, and nothing that runs). A line `$ …` is a command, continued on the next one where
it ends with a backslash; lines up to the next command are its output. In these `…` stands for what varies, in a line
of its own also for several lines or none. `^C` as the last line of an output is pressed when those before it have
appeared.
"""

import os
import re
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from suite_fixtures import ROOT

TIMEOUT_SECONDS = 600
PRESSED_AGAIN_SECONDS = 10
WHERE = ("make-run", "compose", "docker")


@dataclass(frozen=True)
class Step:
    """A command and the output that the page shows for it."""

    command: str
    output: str

    @property
    def interrupted(self) -> bool:
        return self.output.endswith("^C\n")

    @property
    def pattern(self) -> str:
        """The regular expression of the output, once it is plain."""
        shown = plain(self.output.removesuffix("^C\n"))
        return "".join(
            "(?:.*\n)*?" if line == "…\n" else " ?.*? ?".join(re.escape(part.strip(" ")) for part in line.split("…"))
            for line in shown.splitlines(keepends=True)
        )


def plain(text: str) -> str:
    """The text without empty lines and the blanks that align columns."""
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def steps(page: Path, where: str) -> list[Step]:
    """The commands that the page shows for `where`, in their order."""
    found = re.findall(rf"^```console {where}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [step for block in found for step in _steps(block)]


def _steps(block: str) -> Iterator[Step]:
    for text in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, output = re.fullmatch(r"((?:.*\\\n)*.*\n)((?:.*\n)*)", text).groups()  # type: ignore[union-attr]
        yield Step(command, output)


class Terminal:
    """A shell in the project's folder that runs what a page shows.

    `instead` says what stands in a command for what the page has, such as the port of this suite for 8080; in the
    output it is turned back.
    """

    def __init__(self, instead: dict[str, str] | None = None) -> None:
        self._instead = instead or {}
        env = os.environ | {"PYTHONUNBUFFERED": "1", "LC_ALL": "C.UTF-8", "COMPOSE_ANSI": "never"}
        self._shell = subprocess.Popen(
            ["env", "--default-signal=INT", "bash"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that ^C reaches what runs in it, and nothing else
        )
        self._printed = bytearray()
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        self._write("trap : INT")

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()

    def run(self, step: Step) -> None:
        """Run the command. Raises AssertionError if it prints anything else, fails, or does not end."""
        command = step.command
        for shown, real in self._instead.items():
            command = command.replace(shown, real)
        end = f"end-{secrets.token_hex(8)}"
        with self._news:
            self._printed.clear()
        self._write(f"{{ {command}}} </dev/null; printf '\\n{end} %s\\n' $?")
        if step.interrupted:
            found = self._wait(rf"\A{step.pattern}|^{end} ", step)
            assert end not in found[0], (
                f"$ {command}{self._text()}\n--- ended before ^C; the page shows:\n{step.output}"
            )
            self._press(end)
        ended = self._wait(rf"^{end} (\d+)\n", step)
        printed = self._text().partition(end)[0]
        if step.interrupted:
            return
        assert re.fullmatch(step.pattern, printed), f"$ {command}\n{printed}\n--- the page shows:\n{step.output}"
        assert ended[1] == "0", f"$ {command}\n{printed}\n--- exit status {ended[1]}"

    def _press(self, end: str) -> None:
        """Press ^C, again where a program that was just being started has missed it."""
        for _ in range(TIMEOUT_SECONDS // PRESSED_AGAIN_SECONDS):
            os.killpg(self._shell.pid, signal.SIGINT)
            with self._news:
                if self._news.wait_for(lambda: end in self._text(), PRESSED_AGAIN_SECONDS):
                    return

    def _write(self, line: str) -> None:
        assert self._shell.stdin
        self._shell.stdin.write(f"{line}\n".encode())
        self._shell.stdin.flush()

    def _read(self) -> None:
        assert self._shell.stdout
        while part := os.read(self._shell.stdout.fileno(), 65536):
            with self._news:
                self._printed += part
                self._news.notify_all()

    def _text(self) -> str:
        text = plain(self._printed.decode(errors="replace"))
        for shown, real in self._instead.items():
            text = text.replace(real, shown)
        return text

    def _wait(self, pattern: str, step: Step) -> "re.Match[str]":
        deadline = time.monotonic() + TIMEOUT_SECONDS
        with self._news:
            while not (found := re.search(pattern, self._text(), re.MULTILINE)):
                left = deadline - time.monotonic()
                assert left > 0, f"$ {step.command}{self._text()}\n--- the page shows:\n{step.output}"
                self._news.wait(left)
        return found
