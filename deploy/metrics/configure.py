"""Puts the names of all services into Prometheus's configuration: `configure.py SERVICES_JSON PROMETHEUS_YML`.

Standard library only. A service that is listed is watched.
"""

import json
import sys
from pathlib import Path


def main(services: str, configuration: str) -> None:
    names = ", ".join(json.loads(Path(services).read_text(encoding="utf-8")))
    file = Path(configuration)
    file.write_text(file.read_text(encoding="utf-8").replace("[SERVICES]", f"[{names}]"), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
