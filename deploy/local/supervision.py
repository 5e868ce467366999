"""Configures, starts, queries and stops supervisord for `make run`."""

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
from words import say

STOP_TIMEOUT_SECONDS = 7
"""How long services may take to exit after SIGTERM."""
KILL_TIMEOUT_SECONDS = 60
"""How long the kernel may take to end what was killed, on a busy machine."""

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

# Every exit is reported with its status (startsecs = 0); run.py decides whether and when a program is started again.
_PROGRAM = """
[program:{name}]
command = {command}
environment = {environment}
autostart = false
autorestart = false
startsecs = 0
stopwaitsecs = {stopwaitsecs}
killasgroup = true
redirect_stderr = true
stdout_logfile = {logs}/{name}.log
stdout_logfile_maxbytes = 5MB
stdout_logfile_backups = 1
"""


class Supervisor:
    """One supervisord. It starts no program again by itself."""

    def __init__(self, run_dir: Path, sockets: Path, programs: Iterable[Program]):
        self._configuration = run_dir / "supervisord.conf"
        self._pid = run_dir / "supervisord.pid"
        self._logs = run_dir / "log"
        self._configuration.write_text(_configuration(run_dir, sockets, list(programs)), encoding="utf-8")
        self._transport: Any = SupervisorTransport(None, None, f"unix://{sockets}/supervisor.sock")
        self._server = xmlrpc.client.ServerProxy("http://localhost", self._transport)
        self._process: subprocess.Popen[bytes] | None = None
        self._pids: dict[str, int] = {}

    def start(self, environment: Mapping[str, str]) -> None:
        """Start supervisord in a session of its own, so that Ctrl-C does not reach the programs before `stop` does."""
        with (self._logs / "supervisord.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-c", self._configuration],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid.write_text(str(self._process.pid))  # it does so itself, but only when it has read its configuration

    def launch(self, *names: str) -> None:
        """Start programs. Raises OSError if supervisord does not respond."""
        for name in names:
            self._call("startProcess", f"{_group(name)}:{name}", False)

    def is_responding(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self._call("getState"))
        return False

    def has_exited(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def states(self) -> dict[str, dict[str, Any]]:
        """By name, the state of each program: `statename`, `pid`, `exitstatus`, … Raises OSError."""
        states = {info["name"]: info for info in self._call("getAllProcessInfo")}
        self._pids = {name: info["pid"] for name, info in states.items() if info["pid"]}
        return states

    def stop(self) -> None:
        """Stop all programs, then supervisord. Processes that are left are killed."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self.states()
            self._call("shutdown")  # it reacts to this at once, to the signal within a second
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_SECONDS + 2)
        if self._process.poll() != 0:
            for pid in (*self._pids.values(), self._process.pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            self._process.wait()

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self._server.supervisor, method)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.Error) as error:
            self._transport.close()  # it would keep a broken connection
            raise OSError(f"supervisord: {error}") from error


def leftover(run_dir: Path) -> int | None:
    """What a killed run has left in this folder: the session of its supervisord, whose programs may outlive it."""
    try:
        leader = int((run_dir / "supervisord.pid").read_text())
    except (OSError, ValueError):
        return None
    session = _session(leader)
    if (supervisord := session.get(leader)) and not _is_ending(supervisord):
        return leader if str(run_dir / "supervisord.conf") in supervisord else None
    return leader if any(sys.prefix in command for command in session.values()) else None


def stop_session(leader: int) -> None:
    """Stop supervisord and all programs of its session; returns when none is left, so that their ports are free.

    Programs that supervisord does not stop in time are killed. Raises OSError if one cannot be.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(leader, signal.SIGTERM)
    grace = time.monotonic() + STOP_TIMEOUT_SECONDS + 3
    deadline = grace + KILL_TIMEOUT_SECONDS
    while session := _session(leader):
        now = time.monotonic()
        if now > deadline:
            pids = ", ".join(map(str, session))
            raise OSError(
                say(
                    f"programs of an earlier run do not end; their process ids: {pids}",
                    f"programas de uma execução anterior não terminam; os números dos processos: {pids}",
                )
            )
        if now > grace or leader not in session:
            for pid in session:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def _session(leader: int) -> dict[int, str]:
    """The processes of a session that have not ended: their ids and commands."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat=,command="], capture_output=True, text=True, errors="replace", check=True
    )
    found = {}
    for line in listed.stdout.splitlines():
        pid, state, *command = line.split(None, 2)
        if state.startswith("Z") and "l" not in state:  # with "l", some of its threads still hold its ports
            continue
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(pid)) == leader:
                found[int(pid)] = "".join(command)
    return found


def _is_ending(command: str) -> bool:
    """Whether ps shows a process that has given back its memory, and its command line with it, but is listed still."""
    return command.startswith("[")


def _group(name: str) -> str:
    return "broker" if name == "broker" else "suite"


def _configuration(run_dir: Path, sockets: Path, programs: list[Program]) -> str:
    names = {"run_dir": _escape(run_dir), "logs": _escape(run_dir / "log"), "sockets": _escape(sockets)}
    places = {"sockets": str(sockets), "here": str(Path(__file__).parent)}
    services = ",".join(program.name for program in programs if _group(program.name) == "suite")
    text = _CONFIGURATION.format(**names, services=services)
    for program in programs:
        env = {name: value.format(**places) for name, value in program.env.items()}
        text += _PROGRAM.format(
            **names,
            name=program.name,
            command=_escape(shlex.join(part.format(**places) for part in program.command)),
            environment=_escape(",".join(f'{name}="{value}"' for name, value in env.items())),
            stopwaitsecs=1 if program.name == "broker" else STOP_TIMEOUT_SECONDS,
        )
    return text


def _escape(value: object) -> str:
    """Escape `value`: supervisord expands %(…)s in its configuration."""
    return str(value).replace("%", "%%")
