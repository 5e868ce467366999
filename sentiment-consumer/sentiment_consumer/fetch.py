"""Puts a model of the hub into a folder, when an image is built: python -m sentiment_consumer.fetch NAME FOLDER

A model that the service could not use is told here already: status 78, and one line.
"""

import sys
from pathlib import Path

from bus import EXIT_CONFIG

from .model import Model
from .network import Unusable, read


def main(name: str, folder: str) -> None:
    try:
        tokenizer, network = read(name)
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        for file in Path(folder).iterdir():
            file.chmod(0o644)  # weights are written for their owner alone, but the service is another user
        Model(folder)
    except Unusable as error:
        print(f"wrong setting: SENTIMENT_MODEL: {error}", file=sys.stderr)
        raise SystemExit(EXIT_CONFIG) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
