"""What Kafka tells of the workers: who lives, who lags, whose letters are dead."""

import argparse
from collections.abc import Callable

from bus import KafkaSettings
from bus.inspection import Inspection
from events.catalogue import all_topics, dead_letters_of
from events.services import SERVICES
from nagiosplugin import Metric

from .plugin import Arguments, CannotTell, Failed, Found, run, said

CONSUMERS = {service.name: service for service in SERVICES if not service.page}


def _run(
    name: str, parser: Arguments, look: Callable[[Inspection, argparse.Namespace], Found], limits: tuple[str, ...] = ()
) -> None:
    def look_at_kafka(arguments: argparse.Namespace) -> Found:
        try:
            with Inspection(_settings(), arguments.prazo) as cluster:
                return list(look(cluster, arguments))
        except ConnectionError as error:
            raise CannotTell(f"o broker não responde: {error}") from None

    run(name, parser, look_at_kafka, lambda arguments: getattr(arguments, "servico", None), limits)


def _settings() -> KafkaSettings:
    try:
        return KafkaSettings()  # type: ignore[call-arg] # all have defaults
    except ValueError as error:
        raise CannotTell(" ".join(str(error).split())) from None


def _of_a_worker(parser: Arguments) -> Arguments:
    parser.add_argument("servico", metavar="SERVIÇO", choices=CONSUMERS, help=f"um de: {', '.join(CONSUMERS)}")
    return parser


def check_batimento() -> None:
    """The heartbeat of a worker: it is in its consumer group, where it stays only while it talks to the broker."""
    parser = Arguments("Confere se o serviço está no seu grupo de consumidores.", "1:", "1:", of="consumidores")

    def look(cluster: Inspection, arguments: argparse.Namespace) -> Found:
        members = cluster.members(arguments.servico)
        if not members:
            raise Failed(f"o grupo {arguments.servico} não tem nenhum consumidor: o serviço parou")
        return [
            said(f"o grupo {arguments.servico} tem {members} consumidor{'es' if members > 1 else ''}"),
            Metric("consumidores", members, min=0, context="consumidores"),
        ]

    _run("batimento", _of_a_worker(parser), look, ("consumidores",))


def check_atraso() -> None:
    """The lag of a worker: records that it has not finished, over all topics that it reads."""
    parser = Arguments("Conta as mensagens que o serviço ainda não tratou.", "100", "1000", of="mensagens")

    def look(cluster: Inspection, arguments: argparse.Namespace) -> Found:
        behind = cluster.lag(arguments.servico, list(CONSUMERS[arguments.servico].reads))
        total = sum(behind.values())
        return [
            said(f"{total} mensagens esperam por {arguments.servico}"),
            Metric("atraso", total, min=0, context="atraso"),
            *(Metric(f"atraso_{topic}", lag, min=0, context="default") for topic, lag in behind.items()),
        ]

    _run("atraso", _of_a_worker(parser), look, ("atraso",))


def check_cartas_mortas() -> None:
    """The dead letters of a worker: those that came lately."""
    parser = Arguments("Conta as cartas mortas recentes do serviço.", "0", "10", of="cartas mortas")
    parser.add_argument("--minutos", metavar="N", type=int, default=60, help="o que conta como recente")

    def look(cluster: Inspection, arguments: argparse.Namespace) -> Found:
        topic = dead_letters_of(arguments.servico)
        letters = cluster.recent(topic, arguments.minutos * 60)
        return [
            said(f"{letters} mensagens em {topic} nos últimos {arguments.minutos} minutos"),
            Metric("cartas_mortas", letters, min=0, context="cartas_mortas"),
        ]

    _run("cartas_mortas", _of_a_worker(parser), look, ("cartas_mortas",))


def check_topicos() -> None:
    """Whether the step that creates the topics has created them all."""
    parser = Arguments("Confere se todos os tópicos existem.")

    def look(cluster: Inspection, _arguments: argparse.Namespace) -> Found:
        topics = all_topics()
        if missing := cluster.missing(topics):
            raise Failed(f"faltam tópicos: {', '.join(missing)}")
        return [said(f"todos os {len(topics)} tópicos existem"), Metric("topicos", len(topics), context="default")]

    _run("topicos", parser, look)
