"""`make up`: starts the containers, waits until they are ready, and prints the links. Standard library only.

python deploy/local/up.py docker compose        (or docker-compose, 1.29 or newer)

It queries the suite itself for readiness, because `--wait` does not exist in Compose 1.29, and some versions of Compose
2 treat the exit of the one-shot step that creates the topics as a failure.
"""

import os
import subprocess
import sys
import time

from environment import ROOT, WrongSetting, load_env, print_links, unready_services
from words import complain, tell

STARTUP_TIMEOUT_SECONDS = 240.0


def main(compose: "list[str]") -> int:
    environment = dict(os.environ)  # Compose reads .env for itself
    load_env()
    try:
        status = subprocess.run([*compose, "up", "--build", "-d"], cwd=ROOT, env=environment, check=False).returncode
        if status != 0:
            return status
        tell("Waiting until everything is ready …", "Esperando até tudo estar pronto …")
        deadline = time.monotonic() + STARTUP_TIMEOUT_SECONDS
        waiting = unready_services()
        while waiting and time.monotonic() < deadline:
            time.sleep(1)
            waiting = unready_services()
    except KeyboardInterrupt:
        return 130
    except (OSError, WrongSetting) as error:
        complain(f"{error}; `make doctor` says what to do", f"{error}; `make doctor` diz o que fazer")
        return 1
    if waiting:
        names, logs = ", ".join(waiting), " ".join([*compose, "logs"])
        complain(f"Not ready: {names}. See: {logs}", f"Não está pronto: {names}. Veja: {logs}")
        return 1
    print_links()
    tell("Stop: make down", "Parar: make down")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
