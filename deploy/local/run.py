"""`make run`: the suite without containers, in the foreground, until Ctrl-C or SIGTERM.

It starts an embedded broker, the one-shot step that creates the topics, the services and a gateway under supervisord,
reports when they are ready, and monitors them. Logs, pictures and all other files are in .run/ (RUN_DIR).
"""

import contextlib
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

from doctor import turbojpeg
from environment import (
    ROOT,
    RUN_PORTS,
    WrongSetting,
    advertised_host,
    bind_address,
    load_env,
    local_address,
    port,
    port_problem,
    print_links,
    public_url,
    served_names,
    setting,
    unready_services,
)
from programs import SERVICES, TOPICS, broker, with_metrics
from restarts import LONGEST_PAUSE_SECONDS, Restarts
from service.stop import Stop
from supervision import Supervisor, leftover, stop_session
from words import complain, say, tell

MAX_SOCKET_PATH_BYTES = 100
"""The limit is 108 on Linux, 104 on macOS."""
STARTUP_TIMEOUT_SECONDS = 300.0
EXIT_CONFIG = 78

stopping = Stop()


class Stopped(Exception):
    """The run was stopped by Ctrl-C or a signal."""


class Failed(Exception):
    """The suite cannot start, or cannot continue; the message says why."""


def main() -> int:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: stopping.set())
    os.chdir(ROOT)
    load_env()
    run_dir = Path(setting("RUN_DIR", ".run")).resolve()
    try:
        with _locked(run_dir), _socket_folder(run_dir) as sockets:
            _check_ports()
            _tell_what_a_package_would_give()
            suite = Suite(run_dir, sockets)
            try:
                suite.start()
                suite.watch()
            finally:
                suite.stop()
    except Stopped:
        tell("Everything is stopped.", "Tudo parado.")
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
        services = with_metrics(SERVICES, port("METRICS_PORT") if setting("METRICS_PORT", "") else None)
        self.supervisor = Supervisor(run_dir, sockets, programs=(embedded, TOPICS, *services))
        self._restarts = {program.name: Restarts() for program in SERVICES}
        self._topics_created = False
        self._started = False

    def start(self) -> None:
        """Start all programs in the order of their dependencies; returns when all are ready."""
        tell(
            f"Starting: embedded broker, topics, {', '.join(program.name for program in SERVICES)} …",
            f"Iniciando: broker embutido, tópicos, {', '.join(program.name for program in SERVICES)} …",
        )
        self.supervisor.start(self.environment)
        self._wait_until(self.supervisor.is_responding)
        self.supervisor.launch("broker")
        self._wait_until(_broker_answers)
        self.supervisor.launch(TOPICS.name)
        self._wait_until(lambda: self._topics_created)
        for name, restarts in self._restarts.items():
            restarts.started(time.monotonic())
            self.supervisor.launch(name)
        self._wait_until(lambda: not self._awaited())
        self._started = True
        print_links()
        self._print_folders()

    def watch(self) -> NoReturn:
        """Monitor the programs until the broker fails, or the run is stopped."""
        while True:
            self._check()
            self._pause()

    def stop(self) -> None:
        tell("\nStopping …", "\nParando …")
        self.supervisor.stop()

    def _wait_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + STARTUP_TIMEOUT_SECONDS
        while not done():
            self._pause()
            self._check()
            if time.monotonic() > deadline:
                names = ", ".join(self._awaited()) or "supervisord"
                raise Failed(
                    say(
                        f"Not ready after {STARTUP_TIMEOUT_SECONDS:.0f} s: {names}. Logs: {self.run_dir}/log/",
                        f"Não ficou pronto em {STARTUP_TIMEOUT_SECONDS:.0f} s: {names}. Logs: {self.run_dir}/log/",
                    )
                )

    def _pause(self) -> None:
        if stopping.wait(0.25):
            raise Stopped

    def _check(self) -> None:
        """Check all programs once. Raises Failed if the suite cannot continue."""
        if self.supervisor.has_exited():
            raise Failed(self._with_log(say("supervisord has exited", "o supervisord terminou"), "supervisord"))
        try:
            states = self.supervisor.states()
        except OSError:
            return  # supervisord is starting or exiting; the next check shows which
        for name, info in states.items():
            if name == TOPICS.name:
                self._topics_created |= info["statename"] == "EXITED" and info["exitstatus"] == 0
                if self._topics_created:
                    continue
            exited = info["statename"] in ("EXITED", "FATAL")
            if name == "broker" and exited:
                raise Failed(self._with_log(_broker_died(), name))
            if exited and name == TOPICS.name:
                raise Failed(self._cannot_run(name))
            if exited and not self._started and (info["exitstatus"] == EXIT_CONFIG or info["statename"] == "FATAL"):
                raise Failed(self._cannot_run(name))
            if name in self._restarts:
                self._keep_running(name, exited)

    def _keep_running(self, name: str, exited: bool) -> None:
        """Start a program again that has exited, after a pause where it keeps failing."""
        restarts, now = self._restarts[name], time.monotonic()
        if not exited:
            if restarts.running(now):
                tell(f"{name} works again.", f"{name} voltou a funcionar.")
            return
        if restarts.exited(now):
            sentence = say(
                f"{name} keeps failing. It is started again every {LONGEST_PAUSE_SECONDS:.0f} s; the rest stays up",
                f"{name} falha repetidamente. É reiniciado a cada {LONGEST_PAUSE_SECONDS:.0f} s; o resto segue no ar",
            )
            print(self._with_log(sentence, name), flush=True)
        if restarts.is_due(now):
            with contextlib.suppress(OSError):  # supervisord is exiting; the next check shows it
                self.supervisor.launch(name)
                restarts.started(now)
                if not restarts.is_failing:
                    tell(f"{name} exited and was restarted.", f"{name} terminou e foi reiniciado.")

    def _awaited(self) -> list[str]:
        """The services that are not ready, but for those that keep failing: the rest does not wait for them."""
        failing = {name for name, restarts in self._restarts.items() if restarts.is_failing}
        return [name for name in unready_services() if name not in failing]

    def _cannot_run(self, name: str) -> str:
        return self._with_log(say(f"{name} cannot run", f"{name} não pode rodar"), name)

    def _with_log(self, sentence: str, name: str) -> str:
        log = self.run_dir / "log" / f"{name}.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:] if log.exists() else []
        return "\n".join([f"{sentence}. ({log})", *(f"    {line}" for line in lines)])

    def _print_folders(self) -> None:
        store, logs = unquote(self.environment["STORE_URL"].removeprefix("file://")), f"{self.run_dir}/log/"
        tell(f"Pictures: {store}   Logs: {logs}", f"Imagens: {store}   Logs: {logs}")
        tell(
            "Ctrl-C stops everything. The embedded broker then forgets its topics; the pictures stay.",
            "Ctrl-C para tudo. O broker embutido então esquece os seus tópicos; as imagens ficam.",
        )


def _broker_died() -> str:
    return say(
        "The embedded broker has died, and its topics are lost: everything is stopped; start again with make run",
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


def _tell_what_a_package_would_give() -> None:
    found = turbojpeg()
    if found.advice:
        tell(f"{found.what}; {found.advice}.", f"{found.what}; {found.advice}.")


def _environment(run_dir: Path, sockets: Path) -> dict[str, str]:
    """The environment of every program. Settings may be overridden, except that the broker is the embedded one."""
    megabytes = setting("MAX_UPLOAD_MB", "20")
    try:
        request = float(megabytes) * 10
    except ValueError:
        request = 200  # image-upload reports the wrong setting
    defaults = {
        "KAFKA_SESSION_TIMEOUT_MS": "6000",  # replace a dead worker within seconds
        "KAFKA_FETCH_MAX_WAIT_MS": "50",  # Tansu answers an idle fetch only after this time
        "STORE_URL": (run_dir / "data").as_uri(),
        "PUBLIC_URL": public_url(),
        "SMTP_URL": f"smtp://localhost:{port('MAIL_SMTP_PORT')}",
    }
    environment = os.environ | {name: setting(name, value) for name, value in defaults.items()}
    for name in ("KAFKA_GROUP_ID", "METRICS_PORT"):
        environment.pop(name, None)  # they are for a single service: one group would split the pictures among all
    return environment | {
        "KAFKA_BOOTSTRAP_SERVERS": f"{local_address()}:{port('KAFKA_PORT')}",
        "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
        "KAFKA_SSL_CAFILE": "",
        "PYTHONUNBUFFERED": "1",
        "RUN_DIR": str(run_dir),
        "METRICS_ADDRESS": "127.0.0.1",
        # for Caddyfile
        "SOCKETS": str(sockets),
        "BIND_ADDRESS": bind_address(),
        "GATEWAY_PORT": str(port("GATEWAY_PORT")),
        "SERVED_NAMES": " ".join(served_names()),
        "TRUSTED_PROXIES": setting("TRUSTED_PROXIES", "").replace(",", " "),
        "MAX_REQUEST_BYTES": str(int(request * 1024 * 1024)),
        "MAX_REQUEST_MB": f"{request:g}",
        # for mail.py
        "MAIL_PORT": str(port("MAIL_PORT")),
        "MAIL_SMTP_PORT": str(port("MAIL_SMTP_PORT")),
        "XDG_CONFIG_HOME": str(run_dir / "caddy"),
        "XDG_DATA_HOME": str(run_dir / "caddy"),
    }


@contextmanager
def _locked(run_dir: Path) -> Iterator[None]:
    """Lock the folder for this run, and rotate its logs. Raises Failed if another run holds the lock."""
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
        if (left := leftover(run_dir)) is not None:
            tell(
                "Stopping the programs that an earlier run left behind …",
                "Parando os programas que uma execução anterior deixou …",
            )
            stop_session(left)
        logs = run_dir / "log"
        if logs.exists():
            shutil.rmtree(run_dir / "log.old", ignore_errors=True)
            logs.rename(run_dir / "log.old")
        logs.mkdir()
        yield


@contextmanager
def _socket_folder(run_dir: Path) -> Iterator[Path]:
    """The folder for sockets: that of the run, or a temporary one if its path is too long."""
    longest = max(len(os.fsencode(run_dir / f"{program.name}.sock")) for program in SERVICES)
    if longest <= MAX_SOCKET_PATH_BYTES:
        yield run_dir
        return
    with tempfile.TemporaryDirectory(prefix="suite-", dir="/tmp") as folder:
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
