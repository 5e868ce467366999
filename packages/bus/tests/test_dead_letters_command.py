"""`python -m bus.dead_letters`, on the broker in memory."""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from bus import KafkaSettings
from bus.dead_letters import words
from bus.dead_letters.__main__ import parsed, run
from bus.dead_letters.words import ENGLISH, PORTUGUESE
from bus.testing import Broker

LETTERS = "rotate-worker.dlq"


class Said(NamedTuple):
    """What a command has printed, and its status."""

    status: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def broker() -> Broker:
    return Broker(settings=KafkaSettings())


@pytest.fixture
def command(broker: Broker, capsys: pytest.CaptureFixture[str]) -> Command:
    def command(line: str, said: words.Words = ENGLISH) -> Said:
        try:
            status = run(broker, parsed(line.split(), said), said)
        except SystemExit as end:
            status = int(end.code or 0)
        return Said(status, *capsys.readouterr())

    return command


def put(broker: Broker, value: bytes | None = b'{"new_file": "a.png"}', **told: bytes) -> str:
    reasons = {
        "topic": b"image", "partition": b"1", "offset": b"7", "timestamp": b"1500", "group": b"rotate-worker",
        "attempts": b"1", "error": b"Refused", "message": b"The file is no longer there.",
    }  # fmt: skip
    headers = [("mine", b"x"), *((f"dlq-{name}", text) for name, text in (reasons | told).items())]
    place = broker.append(LETTERS, value, b"key", headers, partition=0)
    return f"rotate-worker/0/{place.offset}"


def test_nothing_is_said_to_be_nothing(command: Command) -> None:
    assert command("list") == (0, "No dead letters.\n", "")
    assert command("list", PORTUGUESE) == (0, "Nenhuma mensagem morta.\n", "")
    assert command("replay --all") == (0, "Replayed: 0.\n", "")


def test_the_list_has_a_line_for_each_and_counts_the_states(broker: Broker, command: Command) -> None:
    first, second = put(broker), put(broker, error=b"Undecodable", message=b"\x1b[2Jx" + b"y" * 200)
    assert command(f"replay {first}").out == f"{first} is replayed.\n"
    head, *rows, empty, count = command("list").out.splitlines()
    assert head.split() == ["ID", "SINCE", "STATE", "RECORD", "WHY"]
    by_id = {row.split()[0]: row for row in rows}
    assert re.search(r" replayed +image/1/7  Refused: The file is no longer there\.$", by_id[first])
    assert re.search(r" waiting +image/1/7  Undecodable: \\x1b\[2Jxy+…$", by_id[second])
    assert (empty, count) == ("", "Dead letters: 2 (waiting 1, replayed 1).")
    assert "Mensagens mortas: 2 (esperando 1, reenviada 1)." in command("list", PORTUGUESE).out
    assert second not in command("list --reason Refused").out
    assert command("list --service notifier").out == "No dead letters.\n"
    assert len(command("list --since 1h").out.splitlines()) == 5


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'{"new_file":"\xc3\xa9"}', 'Value:\n{\n  "new_file": "é"\n}\n'),
        (b"no json\x1b[2J", "Value:\nno json\\x1b[2J\n"),
        (b"\xff\x00", "Value:\nff 00\n"),
        (None, "Value:\nnone\n"),
        (b"x" * 10_000, "x\n… (10000 bytes in all)\n"),
        (b"\xff" * 10_000, "ff\n… (10000 bytes in all)\n"),
    ],
    ids=["JSON", "text", "bytes", "none", "long text", "many bytes"],
)
def test_one_is_shown_with_all_that_is_in_it(broker: Broker, command: Command, value: bytes | None, shown: str) -> None:
    id = put(broker, value, replays=b"2", **{"replay-of": b"rotate-worker/0/3"})
    said = command(f"show {id}")
    assert said.status == 0
    assert said.out.endswith(shown)
    assert len(said.out) < 6_000
    for line in (
        "State: +waiting; it is rotate-worker/0/3, which was replayed and failed again",
        "Record: +image/1/7",
        "Group: +rotate-worker, attempts: 1, replays before: 2",
        r"Error: +Refused: The file is no longer there\.",
        "Key: +key",
        "  mine: x",
    ):
        assert re.search(f"^{line}$", said.out, re.MULTILINE), said.out


def test_what_cannot_be_replayed_is_one_sentence_and_a_status(broker: Broker, command: Command) -> None:
    cut = b"no (left out, as too large for a dead letter: value)"
    good, bad = put(broker), put(broker, b"", message=cut)
    sentence = f"{bad} cannot be replayed: a part of the original was too large for a dead letter and is not in it.\n"
    assert command(f"replay {good} {bad}") == (1, f"{good} is replayed.\n", sentence)
    assert command(f"replay {good}") == (0, f"{good} was replayed before: nothing is done.\n", "")
    assert command("show rotate-worker/0/9") == (1, "", "rotate-worker/0/9: there is no such dead letter.\n")
    assert command(f"drop {bad}", PORTUGUESE) == (0, f"{bad} foi descartada.\n", "")
    assert len(broker.records("rotate-worker.retry.image")) == 2


def test_all_of_a_reason_are_replayed_and_counted(broker: Broker, command: Command) -> None:
    put(broker), put(broker, error=b"Undecodable"), put(broker, error=b"Undecodable")
    assert command("replay --reason Undecodable").out.splitlines()[-1] == "Replayed: 2."
    assert command("drop --service rotate-worker", PORTUGUESE).out.splitlines()[-1] == "Descartadas: 1."


def test_where_no_broker_answers_it_is_one_sentence(broker: Broker, command: Command) -> None:
    broker.away = True
    for line in ("list", "show rotate-worker/0/1", "replay --all"):
        assert command(line) == (1, "", "the broker is away: start the suite first (make run).\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("replay", "say which: IDs, --service, --reason, --since or --all"),
        ("drop", "say which: IDs, --service, --reason, --since or --all"),
        ("replay --all rotate-worker/0/1", "say which: either IDs, or --service, --reason, --since or --all"),
        ("show x", "'x' is not of the form SERVICE/PARTITION/OFFSET, such as rotate-worker/0/12"),
        ("list --since soon", "'soon' is no time such as 90m, 12h or 2d"),
        ("forget", "wrong arguments, see --help: argument COMMAND: invalid choice: 'forget' (choose from"),
    ],
)
def test_wrong_arguments_are_one_sentence_and_do_nothing(
    broker: Broker, command: Command, line: str, problem: str
) -> None:
    put(broker)
    said = command(line)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(problem)
    assert said.err.count("\n") == 1
    assert broker.records("rotate-worker.retry.image") == []


def test_the_language_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    for lang, expected in (("pt_BR.UTF-8", PORTUGUESE), ("en_US.UTF-8", ENGLISH), ("", ENGLISH)):
        monkeypatch.setenv("LANG", lang)
        assert words.of_terminal() is expected


@pytest.mark.parametrize("said", [ENGLISH, PORTUGUESE])
def test_every_outcome_has_a_sentence(said: words.Words) -> None:
    for sentence in said.outcomes.values():
        text: Any = sentence.format(id="rotate-worker/0/1", topic="image")
        assert text.endswith(".")
        assert "rotate-worker/0/1" in text
    assert said.outcomes.keys() == ENGLISH.outcomes.keys()
    assert json.dumps(list(said.states)) == json.dumps(list(ENGLISH.states))
