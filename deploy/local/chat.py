"""`make chat`: the chatbot on the command line, against the suite that runs on this machine."""

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
    os.environ.setdefault("KAFKA_FETCH_MAX_WAIT_MS", "50")  # Tansu answers an idle fetch only after this time
    from chatbot.__main__ import main as chat  # noqa: PLC0415 - its import reads the settings

    return chat()


if __name__ == "__main__":
    sys.exit(main())
