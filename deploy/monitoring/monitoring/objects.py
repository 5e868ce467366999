"""Nagios's objects, made from the list of services: who is new there is watched by itself."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from bus import KafkaSettings
from events.services import OPERATIONS, SERVICES, Service

from .paths import SEEN, STATE
from .settings import MonitoringSettings

GROUPS = {
    "imagens": "Imagens",
    "analise-sentimentos": "Análise de sentimentos",
    "classificacao-produtos": "Classificação de produtos",
    "front-end": "Front-end",
    "wsgi-flask": "WSGI e Flask",
    "zookeeper": "ZooKeeper",
    "broker": "Broker",
    "consumer": "Consumidores",
}
PIPELINES = {
    "imagens": {"image", "notification"},
    "analise-sentimentos": {"chatbot", "sentiment", "handoff", "conversation"},
}
"""The host groups that a service belongs to by the topics that it reads."""
GATEWAY = "http://nginx:8080"
ATTEMPTS = 3
"""How often a service has to fail before it is told."""
RETRIES_IN_AN_INTERVAL = 5
ONE_PICTURE_IN = 5
"""The picture goes through the pipeline at every fifth look at the rest."""
PRODUCT = ("--corpo", '{"descricao": "kit 4 esponjas"}', "--espera", '{"categoria": "maquiagem"}')
IN_TWO = ("--opcional", "wsgi-app-container", "produtos-nginx")
IN_ONE = ("--opcional", "classificador-produtos")
"""The product classifier is a project of its own: where none of its containers is there, nobody wants it to be."""
SEEN_ONCE = ("--visto", str(SEEN))


@dataclass(frozen=True)
class Watched:
    """A service of Nagios: on which host, what it is called, and the plugin with its arguments."""

    host: str
    name: str
    command: tuple[str, ...]
    needs_broker: bool = False
    every: int = 1


@dataclass(frozen=True)
class Host:
    name: str
    alias: str
    groups: tuple[str, ...]


HOSTS_BESIDE = (
    Host("zookeeper", "ZooKeeper", ("zookeeper",)),
    Host("broker", "Kafka", ("broker",)),
    Host("nginx", "A porta da suíte", ("front-end",)),
    Host("mail", "Correio de teste", ("front-end",)),
    Host("kafdrop", "Kafdrop", ("front-end", "broker")),
    Host("wsgi-app-container", "Classificador de produtos: gunicorn", ("classificacao-produtos", "wsgi-flask")),
    Host("produtos-nginx", "Classificador de produtos: nginx", ("classificacao-produtos", "front-end")),
    Host(
        "classificador-produtos",
        "Classificador de produtos, em um contêiner",
        ("classificacao-produtos", "front-end", "wsgi-flask"),
    ),
)
"""Who stands beside the list of services in the compose files."""


def hosts() -> list[Host]:
    return [*map(_host, SERVICES), *HOSTS_BESIDE]


def _host(service: Service) -> Host:
    pipelines = tuple(group for group, topics in PIPELINES.items() if topics & set(service.reads))
    return Host(service.name, service.portuguese.name, (*pipelines, "wsgi-flask" if service.page else "consumer"))


def watched(settings: MonitoringSettings, kafka: KafkaSettings) -> Iterator[Watched]:
    """All services."""
    talk = ("--envia", "ruok", "--espera", "imok")
    yield Watched("zookeeper", "Porta 2181", ("check_porta", "zookeeper", "2181", *talk, *SEEN_ONCE))
    for port in ("9092", "29092"):
        yield Watched("broker", f"Porta {port}", ("check_porta", "broker", port, *SEEN_ONCE))
    yield Watched("broker", "Tópicos", ("check_topicos",), needs_broker=True)
    yield Watched("kafdrop", "Saúde", _page("http://kafdrop:9000/actuator/health", "UP"))
    yield Watched("mail", "Página", _page("http://mail:1080/", "MailDev"))
    yield Watched("mail", "Página pelo nginx", _through_nginx("/mail/", "MailDev", "mail"))
    yield Watched("nginx", "Página inicial", _through_nginx("/index.html", "/favicon.svg"))
    yield Watched("nginx", "Certificados", ("check_certificado", *_certificates(settings, kafka)))
    for service in SERVICES:
        yield from _of_a_page(service, service.page) if service.page else _of_a_worker(service)
    if settings.catcher or not (settings.notify_email or settings.notify_telegram_id):
        mails = ("--correio", settings.catcher) if settings.catcher else ()
        needs = (*(service.name for service in OPERATIONS.values()), *(("mail", "notifier") if mails else ()))
        memory = ("--memoria", str(STATE / "imagem.json"))
        yield Watched(
            "image-upload",
            "Imagem de ponta a ponta",
            ("check_imagem", GATEWAY, "--nome", "localhost", *memory, *SEEN_ONCE, *mails, "--depende", *needs),
            every=ONE_PICTURE_IN,
        )
    yield Watched(
        "chatbot",
        "Conversa com o robô",
        ("check_conversa", "http://chatbot:8000", "--memoria", str(STATE / "conversa.json"), *SEEN_ONCE),
    )
    yield Watched(
        "wsgi-app-container",
        "API direta",
        ("check_api", "http://wsgi-app-container:5000/predizer_categoria", *PRODUCT, *IN_TWO),
    )
    for host, together in (("produtos-nginx", IN_TWO), ("classificador-produtos", IN_ONE)):
        page = ("check_pagina", f"http://{host}:8080/cadastro.html", "--espera", "Cadastro de produtos")
        yield Watched(host, "Página de cadastro", (*page, *together))
        yield Watched(
            host, "API pelo nginx", ("check_api", f"http://{host}:8080/api/predizer_categoria", *PRODUCT, *together)
        )


def _of_a_page(service: Service, page: str) -> Iterator[Watched]:
    yield Watched(service.name, "Pronto", _page(f"http://{service.name}:8000{page}readyz", "ok"))
    yield Watched(service.name, "Página pelo nginx", _through_nginx(page, service.portuguese.name, service.name))


def _of_a_worker(service: Service) -> Iterator[Watched]:
    for name, plugin in (
        ("Batimento", "check_batimento"),
        ("Atraso", "check_atraso"),
        ("Cartas mortas", "check_cartas_mortas"),
    ):
        yield Watched(service.name, name, (plugin, service.name, *SEEN_ONCE), needs_broker=True)


def _page(url: str, expected: str) -> tuple[str, ...]:
    return ("check_pagina", url, "--espera", expected, *SEEN_ONCE)


def _through_nginx(path: str, expected: str, *needs: str) -> tuple[str, ...]:
    depends = ("--depende", *needs) if needs else ()
    return (*_page(f"{GATEWAY}{path}", expected), "--nome", "localhost", *depends)


def _certificates(settings: MonitoringSettings, kafka: KafkaSettings) -> Iterator[str]:
    """The addresses of the settings that speak TLS."""
    if settings.public_url.startswith("https://"):
        yield settings.public_url
    scheme, host, port = settings.smtp_server
    if scheme != "smtp":
        yield f"{scheme}://{host}:{port}"
    if "SSL" in kafka.kafka_security_protocol:
        yield from (f"tls://{server}" for server in kafka.servers)
        if kafka.kafka_ssl_cafile:
            yield from ("--ca", str(kafka.kafka_ssl_cafile))


def configuration(settings: MonitoringSettings, kafka: KafkaSettings) -> str:
    """The text of Nagios's file of objects."""
    seconds = settings.nagios_check_seconds
    blocks = [
        _define(
            "timeperiod",
            timeperiod_name="sempre",
            alias="Sempre",
            **dict.fromkeys(
                ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"), "00:00-24:00"
            ),
        ),
        _define(
            "command",
            command_name="avisar",
            command_line=(
                "python -m monitoring.mail"
                ' "$NOTIFICATIONTYPE$" "$HOSTNAME$" "$SERVICEDESC$" "$SERVICESTATE$" "$SERVICEOUTPUT$"'
            ),
        ),
        _define("command", command_name="rede", command_line="check_rede"),
        _define(
            "contact",
            contact_name=settings.nagios_user,
            alias="Quem cuida da suíte",
            **({"email": settings.contact} if settings.contact else {}),
            host_notification_period="sempre",
            service_notification_period="sempre",
            # A host is the network: where that is away, mails are too.
            host_notification_options="n",
            service_notification_options="w,u,c,r" if settings.contact else "n",
            host_notification_commands="avisar",
            service_notification_commands="avisar",
        ),
        *(_define("hostgroup", hostgroup_name=name, alias=alias) for name, alias in GROUPS.items()),
        *(
            _define(
                "host",
                host_name=host.name,
                alias=host.alias,
                address=host.name,
                hostgroups=",".join(host.groups),
                check_command="rede",
                check_interval=str(seconds),
                retry_interval=str(seconds // RETRIES_IN_AN_INTERVAL),
                max_check_attempts=str(ATTEMPTS),
                check_period="sempre",
                contacts=settings.nagios_user,
                notification_period="sempre",
            )
            for host in hosts()
        ),
    ]
    for one in watched(settings, kafka):
        command = f"{one.host} {one.name}"
        blocks += [
            _define("command", command_name=command, command_line=shlex.join(one.command)),
            _define(
                "service",
                host_name=one.host,
                service_description=one.name,
                check_command=command,
                check_interval=str(seconds * one.every),
                retry_interval=str(seconds * one.every // RETRIES_IN_AN_INTERVAL),
                max_check_attempts=str(ATTEMPTS),
                check_period="sempre",
                contacts=settings.nagios_user,
                notification_period="sempre",
                notification_interval="0",  # on a change of state, and no more
            ),
        ]
        if one.needs_broker:
            blocks.append(
                _define(
                    "servicedependency",
                    host_name="broker",
                    service_description="Porta 29092",
                    dependent_host_name=one.host,
                    dependent_service_description=one.name,
                    notification_failure_criteria="u,c",
                )
            )
    return "\n".join(blocks)


def _define(kind: str, **fields: str) -> str:
    """A block of the file. Raises ValueError for what would end it early."""
    for name, value in fields.items():
        if "\n" in value or ";" in value:
            raise ValueError(f"{name}: {json.dumps(value)} does not fit into a line of Nagios's configuration")
    return f"define {kind} {{\n" + "".join(f"    {name} {value}\n" for name, value in fields.items()) + "}\n"
