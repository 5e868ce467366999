"""Terminal output, in the language of the terminal. Standard library only, as it is used before installation."""

import contextlib
import os
import sys

_LOCALE = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
PORTUGUESE = _LOCALE.lower().startswith("pt")

for _stream in (sys.stdout, sys.stderr):
    _stream.reconfigure(errors="replace")  # type: ignore[union-attr] # a terminal without ✓ shows ?


def say(en: str, pt: str) -> str:
    """The sentence in the language of the terminal."""
    return pt if PORTUGUESE else en


def tell(en: str, pt: str) -> None:
    """Print the sentence in the language of the terminal."""
    with contextlib.suppress(OSError):  # if the terminal is gone, the program continues
        print(say(en, pt), flush=True)


def complain(en: str, pt: str) -> None:
    """Print the sentence on standard error."""
    with contextlib.suppress(OSError):
        print(say(en, pt), file=sys.stderr, flush=True)
