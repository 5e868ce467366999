"""`make dead-letters`: what could not be handled, and what to do about it, in the suite that runs on this machine."""

import os
import sys

from environment import WrongSetting, advertised_host, load_env, port
from words import complain


def main() -> int:
    load_env()
    try:
        os.environ.setdefault("KAFKA_BOOTSTRAP_SERVERS", f"{advertised_host()}:{port('KAFKA_PORT')}")
    except WrongSetting as error:
        complain(str(error), str(error))
        return 1
    from bus.dead_letters.__main__ import main as dead_letters  # noqa: PLC0415 - .env comes first

    return dead_letters()


if __name__ == "__main__":
    sys.exit(main())
