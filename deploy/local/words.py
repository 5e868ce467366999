"""What people read in the terminal, in its language. Standard library only: also used before anything is installed."""

import contextlib
import os
import sys

_LOCALE = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
PORTUGUESE = _LOCALE.lower().startswith("pt")

for _stream in (sys.stdout, sys.stderr):
    _stream.reconfigure(errors="replace")  # type: ignore[union-attr] # a terminal that knows no ✓ shows ?


def say(en: str, pt: str) -> str:
    """The sentence in the language of the terminal."""
    return pt if PORTUGUESE else en


def tell(en: str, pt: str) -> None:
    """Print the sentence in the language of the terminal."""
    with contextlib.suppress(OSError):  # the terminal may be gone; what is being done goes on
        print(say(en, pt), flush=True)


def complain(en: str, pt: str) -> None:
    """Print the sentence where errors go."""
    with contextlib.suppress(OSError):
        print(say(en, pt), file=sys.stderr, flush=True)
