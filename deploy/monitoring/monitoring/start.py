"""The program of the container: makes the configuration and the login, runs Nagios and its web server, sends mails."""

import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from bus import KafkaSettings
from service import Stop

from . import mail, objects
from .paths import ARCHIVES, LOGIN, OBJECTS, PROGRAMS, RUN, SEEN, STATE
from .settings import MonitoringSettings

NAGIOS = ("nagios4", str(PROGRAMS / "nagios.cfg"))
APACHE = ("apache2", "-f", str(PROGRAMS / "apache.conf"), "-D", "FOREGROUND")
STOP_SECONDS = 8.0
LOOK_SECONDS = 1.0
ARCHIVES_KEPT_SECONDS = 90 * 86_400
RETRY_MAILS_SECONDS = 15.0
TELL_MAILS_SECONDS = 300.0


def main() -> int:
    settings, kafka = MonitoringSettings.load(), KafkaSettings.load()
    stop = Stop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stop.set())
    for folder in (STATE, ARCHIVES, SEEN, RUN / "rw", RUN / "spool"):
        folder.mkdir(parents=True, exist_ok=True)
    OBJECTS.write_text(objects.configuration(settings, kafka), "utf-8")
    make_login(settings)
    if settings.contact is None:
        _say("NAGIOS_CONTACT_EMAIL não está definido: nenhum e-mail será enviado.")
    programs = [subprocess.Popen(command) for command in (NAGIOS, APACHE)]
    try:
        ended = _watch(programs, settings, stop)
    finally:
        _end(programs)
    mail.send_waiting(settings)
    return 1 if ended else 0


def make_login(settings: MonitoringSettings, file: Path = LOGIN) -> None:
    """Write the file of the login. Without NAGIOS_PASSWORD one is made for a user who has none yet, and printed."""
    user = settings.nagios_user
    if settings.nagios_password:
        _write_login(file, user, settings.nagios_password.get_secret_value())
    elif not file.exists() or not file.read_text("utf-8").startswith(f"{user}:"):
        password = secrets.token_urlsafe(12)
        _write_login(file, user, password)
        _say(f"Nagios: http://localhost:{settings.nagios_port}/ – usuário {user}, senha {password}")


def _write_login(file: Path, user: str, password: str) -> None:
    done = subprocess.run(
        ["htpasswd", "-i", "-n", "-B", user], input=password, capture_output=True, text=True, check=True
    )
    temporary = file.with_suffix(".tmp")
    temporary.write_text(done.stdout.strip() + "\n", "utf-8")
    temporary.chmod(0o600)
    temporary.rename(file)


def _watch(programs: list[subprocess.Popen[bytes]], settings: MonitoringSettings, stop: Stop) -> bool:
    """Until someone wants it to stop, or a program has ended; returns whether one has."""
    mails_at = told_at = float("-inf")
    swept_at = float("-inf")
    while not stop.wait(LOOK_SECONDS):
        if any(program.poll() is not None for program in programs):
            return True
        now = time.monotonic()
        if now >= mails_at and (problem := mail.send_waiting(settings)):
            mails_at = now + RETRY_MAILS_SECONDS
            if now - told_at > TELL_MAILS_SECONDS:
                told_at = now
                _say(problem)
        if now - swept_at > 3_600:
            swept_at = now
            sweep_archives()
    return False


def sweep_archives(folder: Path = ARCHIVES) -> None:
    """Remove logs of 90 days ago and older."""
    for path in folder.glob("*.log"):
        if path.stat().st_mtime < time.time() - ARCHIVES_KEPT_SECONDS:
            path.unlink(missing_ok=True)


def _end(programs: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    for program in programs:
        program.terminate()
    for program in programs:
        try:
            program.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            program.kill()


def _say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
