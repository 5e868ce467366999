"""What all plugins share: arguments, limits, the sentence of a result, and what is off by choice."""

import argparse
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from nagiosplugin import (
    Check,
    Context,
    Critical,
    Metric,
    Ok,
    Resource,
    Result,
    ScalarContext,
    Summary,
    Timeout,
    Unknown,
)

Found = Iterable[Metric]
DEFAULT_TIMEOUT_SECONDS = 10
GRACE_SECONDS = 5
"""After its own timeouts, a plugin has this long to say so before it is cut off."""


class Failed(Exception):
    """The target is not as it should be, or does not answer: CRITICAL, with this sentence."""


class CannotTell(Exception):
    """What is needed to judge the target does not answer: UNKNOWN, with this sentence."""


class Arguments(argparse.ArgumentParser):
    """Arguments that all plugins have. A wrong one is UNKNOWN: argparse's own status, 2, would be CRITICAL."""

    def __init__(self, description: str, warning: str | None = None, critical: str | None = None, of: str = ""):
        """`warning` and `critical`: the default ranges of what `of` says, in the form of Nagios's guidelines."""
        super().__init__(description=description)
        if of:
            self.add_argument("-w", "--warning", metavar="FAIXA", default=warning, help=f"WARNING fora dela: {of}")
            self.add_argument("-c", "--critical", metavar="FAIXA", default=critical, help=f"CRITICAL fora dela: {of}")
        self.add_argument(
            "-t", "--prazo", metavar="SEGUNDOS", type=int, default=DEFAULT_TIMEOUT_SECONDS, help="espera no máximo isto"
        )
        self.add_argument(
            "--visto",
            metavar="PASTA",
            type=Path,
            help="lembra aqui quem já esteve na rede; quem nunca esteve está desligado por escolha, e não é CRITICAL",
        )
        self.add_argument(
            "--depende", metavar="NOME", nargs="+", default=[], help="outros nomes de que o serviço precisa"
        )
        self.add_argument(
            "--opcional",
            metavar="NOME",
            nargs="+",
            default=[],
            help="se nenhum destes nomes estiver na rede, o serviço está desligado por escolha",
        )

    def error(self, message: str) -> NoReturn:
        print(f"UNKNOWN: {message}")  # Nagios reads standard output
        sys.exit(Unknown.code)


def add_memory(parser: Arguments, check: str, help: str) -> None:
    """Add --memoria, the file that `check` remembers in from one look to the next; by default each user's own."""
    parser.add_argument(
        "--memoria",
        metavar="ARQUIVO",
        type=Path,
        default=Path(tempfile.gettempdir()) / f"check_{check}-{os.getuid()}.json",
        help=help,
    )


def said(sentence: str) -> Metric:
    """A sentence of a plugin that found its target well."""
    return Metric("frase", (Ok, sentence), context="frase")


class Sentence(Context):
    """Takes a metric that `said` made."""

    def __init__(self) -> None:
        super().__init__("frase")

    def evaluate(self, metric: Metric, _resource: Resource) -> Result:
        state, sentence = metric.value
        return Result(state, sentence)

    def performance(self, _metric: Metric, _resource: Resource) -> None:
        return None


class Limits(ScalarContext):
    """A number with the ranges of -w and -c; outside of one, the sentence tells both."""

    def __init__(self, name: str, arguments: argparse.Namespace) -> None:
        super().__init__(name, arguments.warning, arguments.critical, fmt_metric="{name}: {valueunit}")

    def evaluate(self, metric: Metric, resource: Resource) -> Result:
        result = super().evaluate(metric, resource)
        if result.state == Ok:
            return result
        limit = self.critical if result.state == Critical else self.warning
        return Result(result.state, f"fora de {limit}", metric)


class Line(Summary):
    """The first line: what was said, or what is wrong."""

    def ok(self, results: Any) -> str:
        return ", ".join(str(result) for result in results if result.metric is None) or str(results[0])

    def problem(self, results: Any) -> str:
        worst = results.most_significant_state
        return ", ".join(str(result) for result in results if result.state == worst)


class Probe(Resource):
    """Calls the function that looks at the target; turns what it raises into a state."""

    def __init__(self, look: Callable[[], Found]):
        self._look = look

    def probe(self) -> list[Metric]:
        try:
            return list(self._look())
        except Failed as error:
            return [Metric("frase", (Critical, str(error)), context="frase")]
        except CannotTell as error:
            return [Metric("frase", (Unknown, str(error)), context="frase")]


def run(
    name: str,
    parser: Arguments,
    look: Callable[[argparse.Namespace], Found],
    host: Callable[[argparse.Namespace], str | None],
    limits: Iterable[str] = (),
) -> NoReturn:
    """Parse the arguments, look, print one line and exit with the status of a plugin.

    `host`: whose name must be on the network, from the arguments, or None. `limits`: the metrics that -w and -c judge.
    """
    arguments = parser.parse_args()

    def look_where_there_is_something() -> Found:
        if reason := off_by_choice(host(arguments), arguments):
            return [said(reason)]
        return look(arguments)

    try:
        contexts = [Limits(metric, arguments) for metric in limits]
    except ValueError as error:
        parser.error(str(error))
    seconds = arguments.prazo + GRACE_SECONDS
    try:
        Check(Probe(look_where_there_is_something), Sentence(), *contexts, Line(), name=name).main(0, seconds)
    except Timeout:
        parser.error(f"depois de {seconds} s ainda não se sabe nada")
    except Exception as error:  # Python's own status, 1, would be WARNING
        parser.error(f"{type(error).__name__}: {error}")
    raise AssertionError("Check.main exits")


def off_by_choice(host: str | None, arguments: argparse.Namespace) -> str | None:
    """A sentence, if the target is not running because nobody wants it to; else None.

    Docker knows the name of a container while it runs. A name that was never there is not missed, one that was and is
    gone is. Names of --opcional are not missed either way, if all of them are gone.
    """
    if arguments.opcional:
        if any(map(on_the_network, arguments.opcional)):
            return None
        return f"desligado por escolha: {' e '.join(arguments.opcional)} fora da rede"
    if arguments.visto:
        for name in filter(None, [host, *arguments.depende]):
            seen = arguments.visto / name
            if seen.exists():
                continue
            if not on_the_network(name):
                return f"desligado por escolha: {name} nunca esteve na rede"
            arguments.visto.mkdir(parents=True, exist_ok=True)
            seen.touch()
    return None


def on_the_network(name: str) -> bool:
    """Whether the name has an address."""
    try:
        return bool(socket.getaddrinfo(name, None))
    except (OSError, UnicodeError):
        return False
