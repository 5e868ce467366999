"""Downloads a model from the hub into a folder, for image builds: python -m sentiment_consumer.fetch NAME FOLDER

Exits with status 78 and one line if the service could not use the model.
"""

import os
import sys
from pathlib import Path

from service import EXIT_CONFIG

from .model import Model
from .network import UnusableModel, load


def main(name: str, folder: str) -> None:
    try:
        tokenizer, network = load(name)
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for file in Path(folder).iterdir():
            file.chmod(0o644)  # weights are saved for their owner only, but the service runs as another user
        Model(folder, labels=os.environ.get("SENTIMENT_LABELS", ""))
    except UnusableModel as error:
        print(f"wrong setting: SENTIMENT_MODEL: {error}", file=sys.stderr)
        raise SystemExit(EXIT_CONFIG) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
