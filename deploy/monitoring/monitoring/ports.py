"""TCP: a port that takes connections, and the network itself."""

import argparse
import socket
import time

from nagiosplugin import Metric

from .plugin import Arguments, Failed, Found, on_the_network, run, said

MAX_ANSWER_BYTES = 1_024


def check_porta() -> None:
    """Connect to a port; send a text, and expect another, where told to."""
    parser = Arguments("Abre uma conexão TCP.", "2", "5", of="segundos até a conexão")
    parser.add_argument("host")
    parser.add_argument("porta", type=_port)
    parser.add_argument("--envia", metavar="TEXTO", default="", help="o que é enviado depois de conectar")
    parser.add_argument("--espera", metavar="TEXTO", default="", help="o que a resposta precisa conter")

    def look(arguments: argparse.Namespace) -> Found:
        target, begin = f"{arguments.host}:{arguments.porta}", time.monotonic()
        try:
            with socket.create_connection((arguments.host, arguments.porta), arguments.prazo) as connection:
                took = time.monotonic() - begin
                answer = _answer(connection, arguments.envia, arguments.espera)
        except (OSError, UnicodeError) as error:
            raise Failed(f"{target} não responde: {error}") from None
        if arguments.espera not in answer:
            raise Failed(f"{target} responde {answer!r}, e não {arguments.espera!r}")
        return [
            said(f"{target} aceita conexões" + (f" e responde {answer!r}" if arguments.espera else "")),
            Metric("tempo", round(took, 4), "s", min=0, context="tempo"),
        ]

    run("porta", parser, look, lambda arguments: str(arguments.host), ["tempo"])


def _answer(connection: socket.socket, sent: str, expected: str) -> str:
    """What comes back until `expected` is in it, the other side closes, or it is too much."""
    if sent:
        connection.sendall(sent.encode())
    answer = b""
    while expected and expected.encode() not in answer and len(answer) < MAX_ANSWER_BYTES:
        part = connection.recv(MAX_ANSWER_BYTES)
        if not part:
            break
        answer += part
    return answer.decode("utf-8", "replace").strip()


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"não é uma porta, de 1 a 65535: {text}")
    return int(text)


def check_rede() -> None:
    """Whether the network of the containers answers at all: the state of every host of Nagios."""
    parser = Arguments("Confere se a rede dos contêineres responde a este aqui.")

    def look(_arguments: argparse.Namespace) -> Found:
        own = socket.gethostname()
        if not on_the_network(own):
            raise Failed(f"a rede não conhece este contêiner, {own}")
        return [said("a rede responde; como está cada programa, dizem os serviços")]

    run("rede", parser, look, lambda _arguments: None)
