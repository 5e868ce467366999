"""docs/your-own-programs.md: its programs run as they are printed, against a running suite."""

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from kafka import KafkaProducer
from sample_pictures import encoded, quarters
from suite_fixtures import ROOT, Suite, eventually

pytestmark = pytest.mark.broker
PAGES = [ROOT / "docs" / name for name in ("your-own-programs.md", "your-own-programs.pt-BR.md")]
SECONDS = 120

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def programs(page: Path) -> list[str]:
    """The consumer, the producer and the customer of the page."""
    consumer, producer, customer = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [consumer, producer, customer]


def here(program: str, suite: Suite) -> str:
    """The program for the broker of this suite; its group is new, so that no other run of it has read before."""
    return _with(program, ('"localhost:9092"', f'"{suite.broker}"'), ('"my-own-group"', f'"{uuid.uuid4()}"'))


def _with(program: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        program = program.replace(old, new)
    return program


def run(program: str, folder: Path, *arguments: str) -> None:
    """Run a program that ends. Raises AssertionError if it fails."""
    done = subprocess.run(_python(program, folder, *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@contextmanager
def running(program: str, folder: Path) -> Iterator[Path]:
    """Run a program until the end of the block; yields where its output is."""
    output, env = folder / "output", os.environ | {"PYTHONUNBUFFERED": "1"}
    with output.open("w") as stream:
        process = subprocess.Popen(_python(program, folder), env=env, stdout=stream, stderr=stream)
    try:
        yield output
        assert process.poll() is None, output.read_text()
    finally:
        process.kill()
        process.wait()


def _python(program: str, folder: Path, *arguments: str) -> list[str]:
    path = folder / f"{uuid.uuid4().hex}.py"
    path.write_text(program, encoding="utf-8")
    return [sys.executable, str(path), *arguments]


def lines(output: Path) -> list[str]:
    return output.read_text(encoding="utf-8").splitlines()


def test_both_pages_print_the_same_programs_but_for_what_the_customer_says() -> None:
    english, portuguese = map(programs, PAGES)
    assert english[:2] == portuguese[:2]
    assert re.sub('"pergunta": ".*?"', "", english[2]) == re.sub('"pergunta": ".*?"', "", portuguese[2])


@every_page
def test_the_consumer_prints_uploads_and_what_is_none_and_the_producer_announces_one_again(
    page: Path, suite: Suite, tmp_path: Path
) -> None:
    consumer, producer, _customer = (here(program, suite) for program in programs(page))
    nonsense = f"no JSON {uuid.uuid4()}"
    with running(consumer, tmp_path) as printed:
        name = suite.upload(("perfil.jpg", encoded(quarters(), "JPEG")))[0]["new_file"]
        eventually(lambda: name in lines(printed), SECONDS)
        with KafkaProducer(**suite.client()) as own:
            own.send("image", nonsense.encode()).get(60)
        eventually(lambda: f"not an upload: {nonsense.encode()}" in lines(printed), SECONDS)

        run(producer, tmp_path, name)
        eventually(lambda: lines(printed).count(name) >= 2, SECONDS)

    def answers_the_producer(record: Any) -> bool:
        """Its record has no id; what answers it names its place on the topic."""
        cause = dict(record.headers).get("ce_causationid", b"")
        return json.loads(record.value)["new_file"] == name and cause.startswith(b"image/")

    assert suite.records("notification", answers_the_producer, SECONDS)


@every_page
def test_the_customer_waits_for_an_attendant_and_the_consumer_reads_the_chat(
    page: Path, suite: Suite, tmp_path: Path
) -> None:
    consumer, _producer, customer = (here(program, suite) for program in programs(page))
    said = re.findall('"pergunta": "(.*?)"', customer)[0]

    def waiting() -> set[str]:
        headers = {"Authorization": f"Bearer {suite.token}"}
        answer = requests.get(f"{suite.url}/chat/api/attendant/sessions", headers=headers, timeout=60)
        rows = answer.json()["sessions"]
        return {row["sessao"] for row in rows if (row["nome"], row["estado"]) == ("Ana", "waiting")}

    before = waiting()
    run(customer, tmp_path)
    eventually(lambda: waiting() - before, SECONDS)
    with running(_with(consumer, ('"image"', '"chatbot"'), ('["new_file"]', '["pergunta"]')), tmp_path) as printed:
        eventually(lambda: said in lines(printed), SECONDS)
