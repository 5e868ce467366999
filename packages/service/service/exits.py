"""Exit statuses of a process that cannot do its work."""

import sys
from typing import NoReturn

EXIT_CONFIG = 78
"""A setting is wrong: a restart does not help (EX_CONFIG in sysexits.h)."""
EXIT_STALLED = 70
"""The process makes no progress: a restart may help (EX_SOFTWARE in sysexits.h)."""


def refuse_to_start(sentence: str) -> NoReturn:
    """Print `sentence` on standard error and exit with EXIT_CONFIG."""
    sys.stderr.write(f"{sentence}\n")  # in one call: print() writes the line end by itself, and threads mix their lines
    sys.stderr.flush()
    raise SystemExit(EXIT_CONFIG)
