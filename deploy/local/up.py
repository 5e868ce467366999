"""`make up`: starts the containers, waits until all is ready, prints what to open. Standard library only.

python deploy/local/up.py docker compose        (or docker-compose, 1.29 or newer)

Readiness is asked of the suite itself, not of Compose: `--wait` is unknown to 1.29, and takes the one-shot step that
creates the topics for a failure in some versions of Compose 2.
"""

import os
import subprocess
import sys
import time

from surroundings import ROOT, WrongSetting, load_env, missing, tell_what_to_open
from words import complain, tell

PATIENCE = 240.0


def main(compose: "list[str]") -> int:
    environment = dict(os.environ)  # Compose reads .env for itself
    load_env()
    try:
        status = subprocess.run([*compose, "up", "--build", "-d"], cwd=ROOT, env=environment, check=False).returncode
        if status != 0:
            return status
        tell("Waiting until all is ready …", "Esperando até tudo estar pronto …")
        deadline = time.monotonic() + PATIENCE
        waiting = missing()
        while waiting and time.monotonic() < deadline:
            time.sleep(1)
            waiting = missing()
    except KeyboardInterrupt:
        return 130
    except (OSError, WrongSetting) as error:
        complain(f"{error}; `make doctor` says what to do", f"{error}; `make doctor` diz o que fazer")
        return 1
    if waiting:
        names, logs = ", ".join(waiting), " ".join([*compose, "logs"])
        complain(f"Not ready: {names}. See: {logs}", f"Não está pronto: {names}. Veja: {logs}")
        return 1
    tell_what_to_open()
    tell("Stop: make down", "Parar: make down")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
