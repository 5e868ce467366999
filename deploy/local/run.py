"""`make run`: the suite without containers, in the foreground, until Ctrl-C or SIGTERM.

Starts an embedded broker, the one-shot step that creates the topics, the services and a gateway under supervisord,
says when they serve, and watches over them. Logs, pictures and all else it writes are in .run/ (RUN_DIR).
"""

import collections
import fcntl
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

from bus.stopping import Stop
from programs import SERVICES, TOPICS, broker
from supervision import Supervisor, stop_leftover
from surroundings import (
    ROOT,
    RUN_PORTS,
    WrongSetting,
    advertised_host,
    bind_address,
    load_env,
    local_address,
    missing,
    port,
    port_problem,
    public_url,
    setting,
    tell_what_to_open,
)
from words import complain, say, tell

LONGEST_SOCKET = 100
"""Bytes; the name of a socket may have 108 on Linux, 104 on macOS."""
PATIENCE = 120.0
"""Seconds until what does not serve by then is told, and all is stopped."""
DEATHS, WITHIN = 5, 60.0
"""A program that ends so often within so many seconds keeps failing."""
EXIT_CONFIG = 78

stopping = Stop()


class Stopped(Exception):
    """Someone asked for the end: Ctrl-C or a signal."""


class Failed(Exception):
    """The suite cannot run, or not any more; the message says why."""


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    os.chdir(ROOT)
    load_env()
    run_dir = Path(setting("RUN_DIR", ".run")).resolve()
    try:
        with _alone_in(run_dir), _folder_of_sockets(run_dir) as sockets:
            _check_ports()
            suite = Suite(run_dir, sockets)
            try:
                suite.start()
                suite.watch()
            finally:
                suite.stop()
    except Stopped:
        tell("All is stopped.", "Tudo parado.")
        return 0
    except (Failed, WrongSetting, OSError) as error:
        complain(str(error), str(error))
        return 1


class Suite:
    """The programs of this run."""

    def __init__(self, run_dir: Path, sockets: Path):
        self.run_dir = run_dir
        self.environment = _environment(run_dir, sockets)
        embedded = broker(bind_address(), advertised_host(), port("KAFKA_PORT"))
        self.supervisor = Supervisor(
            run_dir, sockets, programs=(embedded, TOPICS, *SERVICES), once=(embedded.name, TOPICS.name)
        )
        self._pids: dict[str, int] = {}
        self._deaths: dict[str, collections.deque[float]] = collections.defaultdict(
            lambda: collections.deque(maxlen=DEATHS)
        )
        self._topics_done = False

    def start(self) -> None:
        """Start all, in the order in which they need each other; returns when all serve."""
        tell(
            f"Starting: embedded broker, topics, {', '.join(program.name for program in SERVICES)} …",
            f"Iniciando: broker embutido, tópicos, {', '.join(program.name for program in SERVICES)} …",
        )
        self.supervisor.start(self.environment)
        self._until(self.supervisor.answers)
        self.supervisor.launch("broker")
        self._until(_broker_answers)
        self.supervisor.launch(TOPICS.name)
        self._until(lambda: self._topics_done)
        self.supervisor.launch(*(program.name for program in SERVICES))
        self._until(lambda: not missing())
        tell_what_to_open()
        self._tell_where_things_are()

    def watch(self) -> NoReturn:
        """Keep an eye on all until something ends it."""
        while True:
            self._look()
            self._pause()

    def stop(self) -> None:
        tell("\nStopping …", "\nParando …")
        self.supervisor.stop()

    def _until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done():
            self._pause()
            self._look()
            if time.monotonic() > deadline:
                names = ", ".join(missing()) or "supervisord"
                raise Failed(
                    say(
                        f"Not ready after {PATIENCE:.0f} s: {names}. Logs: {self.run_dir}/log/",
                        f"Não ficou pronto em {PATIENCE:.0f} s: {names}. Logs: {self.run_dir}/log/",
                    )
                )

    def _pause(self) -> None:
        if stopping.wait(0.25):
            raise Stopped

    def _look(self) -> None:
        """Raises Failed where the suite cannot go on."""
        if self.supervisor.ended():
            raise Failed(self._with_log(say("supervisord has ended", "o supervisord terminou"), "supervisord"))
        try:
            states = self.supervisor.states()
        except OSError:
            return  # not up yet, or on its way out: the next look tells
        for name, info in states.items():
            if name == TOPICS.name:
                self._topics_done |= info["statename"] == "EXITED" and info["exitstatus"] == 0
                if self._topics_done:
                    continue
            ended = info["statename"] in ("EXITED", "FATAL")
            if name == "broker" and ended:
                raise Failed(self._with_log(_broker_gone(), name))
            if ended and (info["exitstatus"] == EXIT_CONFIG or name == TOPICS.name or info["statename"] == "FATAL"):
                raise Failed(self._with_log(say(f"{name} cannot run", f"{name} não pode rodar"), name))
            if info["pid"]:
                self._count(name, info["pid"])

    def _count(self, name: str, pid: int) -> None:
        before = self._pids.get(name)
        self._pids[name] = pid
        if before in (None, pid):
            return
        deaths, now = self._deaths[name], time.monotonic()
        deaths.append(now)
        if len(deaths) == DEATHS and now - deaths[0] < WITHIN:
            raise Failed(self._with_log(say(f"{name} keeps failing", f"{name} falha repetidamente"), name))
        tell(f"{name} ended and was started again.", f"{name} terminou e foi iniciado de novo.")

    def _with_log(self, sentence: str, name: str) -> str:
        log = self.run_dir / "log" / f"{name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:] if log.exists() else []
        return "\n".join([f"{sentence}. ({log})", *(f"    {line}" for line in lines)])

    def _tell_where_things_are(self) -> None:
        store, logs = unquote(self.environment["STORE_URL"].removeprefix("file://")), f"{self.run_dir}/log/"
        tell(f"Pictures: {store}   Logs: {logs}", f"Imagens: {store}   Logs: {logs}")
        tell(
            "Ctrl-C stops all. The embedded broker then forgets its topics; the pictures stay.",
            "Ctrl-C para tudo. O broker embutido então esquece os seus tópicos; as imagens ficam.",
        )


def _broker_gone() -> str:
    return say(
        "The embedded broker has died, and its topics with it: all is stopped; start again with make run",
        "O broker embutido morreu, e os tópicos com ele: tudo é parado; inicie de novo com make run",
    )


def _broker_answers() -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((local_address(), port("KAFKA_PORT"))) == 0


def _check_ports() -> None:
    for name in RUN_PORTS:
        problem = port_problem(name)
        if problem:
            raise Failed(problem)


def _environment(run_dir: Path, sockets: Path) -> dict[str, str]:
    """What every program gets. Settings of the suite may be overridden, but the broker is the embedded one."""
    megabytes = setting("MAX_UPLOAD_MB", "20")
    try:
        request = float(megabytes) * 10
    except ValueError:
        request = 200  # image-upload says what is wrong with the setting
    defaults = {
        "KAFKA_SESSION_TIMEOUT_MS": "6000",  # a worker that died is replaced while people look on
        "KAFKA_FETCH_MAX_WAIT_MS": "50",  # Tansu answers an idle fetch only when this is over
        "STORE_URL": (run_dir / "data").as_uri(),
        "PUBLIC_URL": public_url(),
        "SMTP_URL": f"smtp://localhost:{port('MAIL_SMTP_PORT')}",
    }
    environment = os.environ | {name: setting(name, value) for name, value in defaults.items()}
    environment.pop("KAFKA_GROUP_ID", None)  # it is for one service; for all it would split the pictures among them
    return environment | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{local_address()}:{port('KAFKA_PORT')}",
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "KAFKA_SSL_CAFILE": "",
        "PYTHONUNBUFFERED": "1",
        "RUN_DIR": str(run_dir),
        # for Caddyfile
        "SOCKETS": str(sockets),
        "BIND_ADDRESS": bind_address(),
        "GATEWAY_PORT": str(port("GATEWAY_PORT")),
        "MAX_REQUEST_BYTES": str(int(request * 1024 * 1024)),
        "MAX_REQUEST_MB": f"{request:g}",
        # for mail.py
        "MAIL_PORT": str(port("MAIL_PORT")),
        "MAIL_SMTP_PORT": str(port("MAIL_SMTP_PORT")),
        "XDG_CONFIG_HOME": str(run_dir / "caddy"),
        "XDG_DATA_HOME": str(run_dir / "caddy"),
    }


@contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Hold the folder for this run, with logs of its own. Raises Failed where another run holds it."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            url = public_url()
            raise Failed(
                say(
                    f"make run already runs here, at {url} (ports: GATEWAY_PORT, KAFKA_PORT); stop that one first",
                    f"make run já está rodando aqui, em {url} (portas: GATEWAY_PORT, KAFKA_PORT); pare-o antes",
                )
            ) from None
        if stop_leftover(run_dir):
            tell("Stopped what an earlier run left behind.", "Parado o que uma execução anterior deixou para trás.")
        logs = run_dir / "log"
        if logs.exists():
            shutil.rmtree(run_dir / "log.old", ignore_errors=True)
            logs.rename(run_dir / "log.old")
        logs.mkdir()
        yield


@contextmanager
def _folder_of_sockets(run_dir: Path) -> Iterator[Path]:
    """Where sockets are: in the run's folder, or in a temporary one where that one's name is too long."""
    longest = max(len(os.fsencode(run_dir / f"{program.name}.sock")) for program in SERVICES)
    if longest <= LONGEST_SOCKET:
        yield run_dir
        return
    with tempfile.TemporaryDirectory(prefix="suite-", dir="/tmp") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
