"""What people read in the consumer's log, one line each."""

import unicodedata
from functools import cache
from typing import Any

from bus import log
from bus.conversation import HandoffRaised, SentimentClassified

FACES = {"negative": ":(", "neutral": ":|", "positive": ":)"}
LONGEST = 1_000
"""Characters of a message in the log."""
_TURNS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

logger = log.get_logger(__name__)


def said(classified: SentimentClassified) -> str:
    face = FACES[classified.sentimento]
    return f"{face} {one_line(classified.nome)} disse {one_line(classified.pergunta)}"


def called(raised: HandoffRaised) -> str:
    name, session = one_line(raised.nome), one_line(raised.sessao)
    return f"Atendente humano, converse com o usuário {name} na sessão {session}! Rápido!"


def one_line(text: str) -> str:
    """`text` without what could begin a line of its own or turn the order of what is shown."""
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return "".join(" " if unicodedata.category(one) in ("Cc", "Zl", "Zp") or one in _TURNS else one for one in text)


def tell(sentence: str, **details: Any) -> None:
    """Print the sentence as it is, or where logs are for machines, an entry of the log with more beside it."""
    if for_machines():
        logger.info(sentence, **details)
    else:
        print(sentence, flush=True)


@cache
def for_machines() -> bool:
    return log.LogSettings.load().log_format == "json"
