"""supervisord as `make run` uses it: its configuration, started, asked and stopped."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from programs import Program
from supervisor.xmlrpc import SupervisorTransport

STOP_WITHIN = 7
"""Seconds that services have after SIGTERM."""

_CONFIGURATION = """\
[supervisord]
nodaemon = true
silent = true
logfile = {logs}/supervisord.log
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = {run_dir}/supervisord.pid

[unix_http_server]
file = {sockets}/supervisor.sock
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

# The group of higher priority is stopped first.
[group:broker]
programs = broker
priority = 1

[group:suite]
programs = {services}
priority = 2
"""

# startsecs = 0: every end of a program is seen with its status; those that end again and again are run.py's to judge.
_PROGRAM = """
[program:{name}]
command = {command}
environment = {environment}
autostart = false
autorestart = {autorestart}
exitcodes = 78
startsecs = 0
stopwaitsecs = {stopwaitsecs}
killasgroup = true
redirect_stderr = true
stdout_logfile = {logs}/{name}.log
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 1
"""


class Supervisor:
    """One supervisord; `once` are the programs that are not started again when they end."""

    def __init__(self, run_dir: Path, sockets: Path, programs: Iterable[Program], once: Iterable[str]):
        self._configuration = run_dir / "supervisord.conf"
        self._logs = run_dir / "log"
        self._configuration.write_text(_configuration(run_dir, sockets, list(programs), set(once)), encoding="utf-8")
        self._transport: Any = SupervisorTransport(None, None, f"unix://{sockets}/supervisor.sock")
        self._server = xmlrpc.client.ServerProxy("http://localhost", self._transport)
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: dict[str, int] = {}

    def start(self, environment: Mapping[str, str]) -> None:
        """Bring supervisord up, out of reach of the terminal's Ctrl-C: the programs are stopped in order."""
        with (self._logs / "supervisord.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", self._configuration],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def launch(self, *names: str) -> None:
        """Start programs; raises OSError where supervisord does not answer."""
        for name in names:
            self._call("startProcess", f"{_group(name)}:{name}", False)

    def answers(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self._call("getState"))
        return False

    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def states(self) -> dict[str, dict[str, Any]]:
        """What supervisord knows of each program: `statename`, `pid`, `exitstatus`, …"""
        states = {info["name"]: info for info in self._call("getAllProcessInfo")}
        self._seen = {name: info["pid"] for name, info in states.items() if info["pid"]}
        return states

    def stop(self) -> None:
        """Stop all programs, then supervisord. What is left after that is killed."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self.states()
            self._call("shutdown")  # it hears this at once, the signal within a second
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_WITHIN + 2)
        if self._process.poll() != 0:
            for pid in (*self._seen.values(), self._process.pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            self._process.wait()

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._server.supervisor, method)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.Error) as error:
            self._transport.close()  # it would keep a connection that was never made
            raise OSError(f"supervisord: {error}") from error


def stop_leftover(run_dir: Path) -> bool:
    """Stop the supervisord that a runner has left behind, when it was killed itself. Returns whether there was one."""
    try:
        pid = int((run_dir / "supervisord.pid").read_text())
    except (OSError, ValueError):
        return False
    command = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    if str(run_dir / "supervisord.conf") not in command.stdout:
        return False
    deadline = time.monotonic() + STOP_WITHIN + 3
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
    return True


def _group(name: str) -> str:
    return "broker" if name == "broker" else "suite"


def _configuration(run_dir: Path, sockets: Path, programs: list[Program], once: set[str]) -> str:
    names = {"run_dir": _literal(run_dir), "logs": _literal(run_dir / "log"), "sockets": _literal(sockets)}
    places = {"sockets": str(sockets), "here": str(Path(__file__).parent)}
    services = ",".join(program.name for program in programs if _group(program.name) == "suite")
    text = _CONFIGURATION.format(**names, services=services)
    for program in programs:
        env = {name: value.format(**places) for name, value in program.env.items()}
        text += _PROGRAM.format(
            **names,
            name=program.name,
            command=_literal(shlex.join(part.format(**places) for part in program.command)),
            environment=_literal(",".join(f'{name}="{value}"' for name, value in env.items())),
            autorestart="false" if program.name in once else "unexpected",
            stopwaitsecs=1 if program.name == "broker" else STOP_WITHIN,
        )
    return text


def _literal(value: object) -> str:
    """supervisord reads %(…)s in its configuration."""
    return str(value).replace("%", "%%")
