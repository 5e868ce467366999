"""`make doctor`: checks whether the suite can run here, and says what to do if it cannot.

It uses the standard library only, as it runs before anything is installed. The exit status is 0 if at least one way to
run the suite works.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from environment import (
    COMPOSE_PORTS,
    PORTS,
    PROFILE_PORTS,
    ROOT,
    RUN_PORTS,
    WrongSetting,
    get_json,
    load_env,
    nagios_answers,
    port,
    port_problem,
)
from words import say, tell

RUN, COMPOSE = "make run", "docker compose up"
GB_BYTES = 1e9


@dataclass(frozen=True)
class Finding:
    """The result of a check. With `advice`, it prevents the `ways` to run the suite; without `ways`, it is a hint."""

    what: str
    advice: str = ""
    ways: tuple[str, ...] = (RUN, COMPOSE)


def main() -> int:
    load_env()
    stopped: set[str] = set()
    for finding in findings():
        print(f"{'!' if finding.advice else '✓'} {finding.what}", flush=True)
        if finding.advice:
            print(f"    → {finding.advice}", flush=True)
            stopped.update(finding.ways)
    print()
    for way in (RUN, COMPOSE):
        if way in stopped:
            tell(f"{way}: not yet, see above", f"{way}: ainda não, veja acima")
        else:
            tell(f"{way}: can work here", f"{way}: pode funcionar aqui")
    return 1 if stopped >= {RUN, COMPOSE} else 0


def findings() -> Iterator[Finding]:
    yield python()
    yield folder()
    yield turbojpeg()
    yield from ports()
    yield from memory()
    yield from disk()
    yield from engine()


def python() -> Finding:
    what = f"Python {sys.version.split()[0]} ({sys.executable})"
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the check for old versions
        advice = say(
            "make run needs 3.11 or newer; name another: make PYTHON=python3.11 run",
            "make run precisa de 3.11 ou mais novo; indique outro: make PYTHON=python3.11 run",
        )
    elif importlib.util.find_spec("ensurepip") is None:
        advice = say(
            "make run needs its venv module: apt install python3-venv",
            "make run precisa do módulo venv: apt install python3-venv",
        )
    else:
        return Finding(what)
    return Finding(what, advice, (RUN,))


def folder() -> Finding:
    what = say(f"folder {ROOT}", f"pasta {ROOT}")
    if not os.access(ROOT, os.W_OK):
        return Finding(
            what, say("make run writes .venv/ and .run/ here", "make run escreve .venv/ e .run/ aqui"), (RUN,)
        )
    if re.search(r"[:%;#\"']", str(ROOT)):
        advice = say(
            "some programs cannot handle such characters in a folder name; move the folder",
            "alguns programas não aceitam esses caracteres no nome de uma pasta; mude a pasta de lugar",
        )
        return Finding(what, advice, (RUN,))
    return Finding(what)


def turbojpeg() -> Finding:
    """The library for lossless JPEG transformations under `make run`; the containers have it."""
    try:
        ctypes.CDLL("libturbojpeg.dylib" if sys.platform == "darwin" else "libturbojpeg.so.0")
    except OSError:
        what = say(
            "no libturbojpeg: Pillow re-encodes rotated and greyscale JPEGs",
            "sem libturbojpeg: a Pillow recodifica JPEGs girados ou em cinza",
        )
        names = "Debian: libturbojpeg0, Ubuntu: libturbojpeg, Fedora: turbojpeg, Homebrew: jpeg-turbo"
        advice = say(
            f"make run works without it; with it, faster and lossless ({names})",
            f"make run funciona sem ela; com ela, mais rápido e sem perdas ({names})",
        )
        return Finding(what, advice, ())
    return Finding(
        say(
            "libturbojpeg: JPEGs are rotated and turned grey losslessly if their dimensions allow it",
            "libturbojpeg: JPEGs são girados e passam a cinza sem perdas, quando as dimensões permitem",
        )
    )


def ports() -> Iterator[Finding]:
    for name in PORTS:
        ways = tuple(way for way, names in ((RUN, RUN_PORTS), (COMPOSE, COMPOSE_PORTS)) if name in names)
        try:
            problem = port_problem(name)
        except WrongSetting as error:
            yield Finding(name, str(error), ways)
            continue
        use = f"{name}, --profile {PROFILE_PORTS[name]}" if name in PROFILE_PORTS else name
        what = say(f"port {port(name)} ({use})", f"porta {port(name)} ({use})")
        if problem and (nagios_answers() if name == "NAGIOS_PORT" else _suite_is_running()):
            yield Finding(what + say(": the suite is already running here", ": a suíte já está rodando aqui"))
        else:
            yield Finding(what, problem or "", ways)


def _suite_is_running() -> bool:
    return get_json("/upload/healthz")[0] == 200


def memory() -> Iterator[Finding]:
    free = _available_memory_bytes()
    if free is None:
        return
    what = say(f"{free / GB_BYTES:.1f} GB of memory free", f"{free / GB_BYTES:.1f} GB de memória livres")
    ways = tuple(way for way, needed in ((RUN, 2), (COMPOSE, 3)) if free < needed * GB_BYTES)
    advice = say(
        f"{RUN} needs about 2 GB, {COMPOSE} about 3 GB; close other programs",
        f"{RUN} precisa de cerca de 2 GB, {COMPOSE} de cerca de 3 GB; feche outros programas",
    )
    yield Finding(what, advice if ways else "", ways)


def _available_memory_bytes() -> int | None:
    """The available memory; on systems that do not report it, the whole memory."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def disk() -> Iterator[Finding]:
    free = shutil.disk_usage(ROOT).free
    what = say(f"{free / GB_BYTES:.0f} GB of disk free", f"{free / GB_BYTES:.0f} GB de disco livres")
    ways = tuple(way for way, needed in ((RUN, 3), (COMPOSE, 8)) if free < needed * GB_BYTES)
    advice = say(
        f"{RUN} needs about 3 GB, {COMPOSE} about 8 GB for images; free some space (docker system prune)",
        f"{RUN} precisa de cerca de 3 GB, {COMPOSE} de cerca de 8 GB para imagens; libere espaço (docker system prune)",
    )
    yield Finding(what, advice if ways else "", ways)


def engine() -> Iterator[Finding]:
    answer = _output_of("docker", "info", "--format", "{{.ServerVersion}}")
    if answer:
        yield Finding(say(f"container engine {answer}", f"motor de contêineres {answer}"))
    else:
        advice = say(
            "install Docker, or start it, or join its group: sudo usermod -aG docker $USER, then log in again",
            "instale o Docker, ou inicie-o, ou entre no grupo dele: sudo usermod -aG docker $USER, e entre de novo",
        )
        yield Finding(say("no container engine responds", "nenhum motor de contêineres responde"), advice, (COMPOSE,))
    yield from foreign_broker_data()
    found = [_output_of("docker", "compose", "version", "--short"), _output_of("docker-compose", "version", "--short")]
    best = max(filter(None, map(_version, found)), default=None)
    if best and best >= (1, 29):
        yield Finding("Compose " + ".".join(map(str, best)))
    else:
        what = f"Compose {best[0]}.{best[1]}" if best else say("no Compose", "sem Compose")
        advice = say(
            "install the Compose plugin, version 2 or newer", "instale o plugin Compose, versão 2 ou mais nova"
        )
        yield Finding(what, advice, (COMPOSE,))


def foreign_broker_data() -> Iterator[Finding]:
    """A broker that restarts for ever: its volume is of a cluster that ZooKeeper, with a new volume, does not know."""
    ours = ("com.docker.compose.service=broker", f"com.docker.compose.project.working_dir={ROOT}")
    filters = [part for label in ours for part in ("--filter", f"label={label}")]
    form = '{{.ID}} {{.Label "com.docker.compose.project"}}'
    for line in _output_of("docker", "ps", "--all", *filters, "--format", form).splitlines():
        container, _, project = line.partition(" ")
        if "InconsistentClusterId" in _output_of("docker", "logs", "--tail", "200", container):
            command = f"docker compose down && docker volume rm {project}_broker-data"
            advice = say(
                f"forget its topics (pictures stay): {command}",
                f"esqueça os tópicos dele (as imagens ficam): {command}",
            )
            what = say(
                "the broker's volume is of another cluster than ZooKeeper's (InconsistentClusterId)",
                "o volume do broker é de outro cluster que o do ZooKeeper (InconsistentClusterId)",
            )
            yield Finding(what, advice, (COMPOSE,))


def _output_of(*command: str) -> str:
    """The output of the command; empty if it does not exist, fails, or takes too long."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""


def _version(text: str) -> tuple[int, int] | None:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


if __name__ == "__main__":
    sys.exit(main())
