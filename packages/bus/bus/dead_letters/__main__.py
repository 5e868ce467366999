"""`python -m bus.dead_letters`: list dead letters, show one, replay or drop them; on the cluster of the settings.

Status 0; 1 where something was not done, or no broker answers; 2 for wrong arguments; 78 for a wrong setting.
"""

import argparse
import logging
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import NoReturn

import structlog

from ..kafka_cluster import KafkaCluster
from ..ports import Cluster
from ..settings import KafkaSettings
from . import text, words
from .handling import DeadLetters, LetterId, Wanted
from .words import Words

FAILED = 1
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def main(arguments: Sequence[str] | None = None) -> int:
    library = logging.getLogger("kafka")  # log lines stay off the screen
    library.addHandler(logging.NullHandler())
    library.propagate = False
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    said = words.of_terminal()
    wanted = parsed(list(sys.argv[1:] if arguments is None else arguments) or ["list"], said)
    return run(KafkaCluster(KafkaSettings.load()), wanted, said)


def run(cluster: Cluster, wanted: argparse.Namespace, said: Words) -> int:
    """Do what the command line asks for. Returns the exit status."""
    letters = DeadLetters(cluster)
    try:
        match wanted.command:
            case "list":
                print(text.listing(letters.list(_filter(wanted)), said))
            case "show":
                if (shown := letters.show(wanted.ids[0])) is None:
                    print(said.outcomes["missing"].format(id=wanted.ids[0]), file=sys.stderr)
                    return FAILED
                print(text.whole(shown, said))
            case "replay" | "drop":
                return _handle(letters, wanted, said)
    except ConnectionError as error:
        print(said.no_answer.format(error=error), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"\n{said.interrupted}", file=sys.stderr)
        return FAILED
    return 0


def _handle(letters: DeadLetters, wanted: argparse.Namespace, said: Words) -> int:
    """Replay or drop, and say of each what became of it."""
    action, done = (letters.replay, "replayed") if wanted.command == "replay" else (letters.drop, "dropped")
    outcomes: Counter[str] = Counter()
    refused = False
    with closing(action(_filter(wanted))) as results:
        for result in results:
            outcomes[result.outcome] += 1
            refused = refused or result.refused
            sentence = said.outcomes[result.outcome].format(id=result.id, topic=text.safe(result.topic))
            print(sentence, file=sys.stderr if result.refused else sys.stdout, flush=True)
    if not wanted.ids:
        print(said.summary[done].format(number=outcomes[done]))
    return FAILED if refused else 0


def _filter(wanted: argparse.Namespace) -> Wanted:
    ids = frozenset(wanted.ids) or None
    since = None if wanted.since is None else time.time() - wanted.since
    return Wanted(tuple(wanted.service), wanted.reason, since, ids)


class _Parser(argparse.ArgumentParser):
    """Complains in one line, in the language of the terminal."""

    words: Words = words.ENGLISH

    def error(self, message: str) -> NoReturn:
        self.complain(self.words.wrong.format(message=message))

    def complain(self, sentence: str) -> NoReturn:
        print(sentence, file=sys.stderr)
        sys.exit(2)


def parsed(arguments: Sequence[str], said: Words) -> argparse.Namespace:
    """The command line. Ends the process with status 2 and one sentence where it is wrong."""
    parser = _Parser(prog="bus.dead_letters", description=said.about)
    parser.words = said
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps = {"list": said.list_help, "show": said.show_help, "replay": said.replay_help, "drop": said.drop_help}
    for name, help in helps.items():
        command = commands.add_parser(name, help=help, description=help)
        command.words = said
        if name != "list":
            command.add_argument("ids", metavar="ID", nargs=1 if name == "show" else "*", help=said.id_help)
        if name in {"replay", "drop"}:
            command.add_argument("--all", action="store_true", help=said.all_help)
        if name != "show":
            command.add_argument("--service", metavar="NAME", action="append", default=[], help=said.service_help)
            command.add_argument("--reason", metavar="ERROR", help=said.reason_help)
            command.add_argument("--since", metavar="TIME", help=said.since_help)
    found = parser.parse_args(arguments)
    _check(found, parser)
    return found


def _check(found: argparse.Namespace, parser: _Parser) -> None:
    """Read ids and times. Nobody replays or drops all by leaving something out."""
    said = parser.words
    if found.command in {"replay", "drop"}:
        filtered = found.all or found.service or found.reason or found.since
        if bool(found.ids) == bool(filtered):
            parser.complain(said.not_both if filtered else said.name_some)
    ids, since = [], getattr(found, "since", None)
    for written in getattr(found, "ids", ()):
        try:
            ids.append(LetterId.parse(written))
        except ValueError:
            parser.complain(said.no_id.format(text=written))
    found.ids = ids
    if since is not None:
        duration = re.fullmatch(r"(\d{1,6})([smhd])", since)
        if not duration:
            parser.complain(said.no_duration.format(text=since))
        found.since = float(duration[1]) * SECONDS[duration[2]]


if __name__ == "__main__":
    sys.exit(main())
