"""The lines that the service prints for people."""

import unicodedata
from functools import cache
from typing import Any

from events.conversation import HandoffRaised, SentimentClassified
from service import log

FACES = {"negative": ":(", "neutral": ":|", "positive": ":)"}
MAX_CHARACTERS = 1_000
"""Limit of each text in a line."""
_BIDI_CONTROLS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

logger = log.get_logger(__name__)


def sentiment_line(classified: SentimentClassified) -> str:
    face = FACES[classified.sentimento]
    return f"{face} {one_line(classified.nome)} disse {one_line(classified.pergunta)}"


def handoff_line(raised: HandoffRaised) -> str:
    name, session = one_line(raised.nome), one_line(raised.sessao)
    return f"Atendente humano, converse com o usuário {name} na sessão {session}! Rápido!"


def one_line(text: str) -> str:
    """`text` without line breaks, control characters and bidirectional controls, truncated to MAX_CHARACTERS."""
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS - 1] + "…"
    return "".join(
        " " if unicodedata.category(one) in ("Cc", "Zl", "Zp") or one in _BIDI_CONTROLS else one for one in text
    )


def emit(sentence: str, **details: Any) -> None:
    """Print the sentence as it is; with LOG_FORMAT=json, log it together with `details`."""
    if logs_json():
        logger.info(sentence, **details)
    else:
        print(sentence, flush=True)


@cache
def logs_json() -> bool:
    return log.LogSettings.load().log_format == "json"
