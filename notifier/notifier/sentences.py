"""What a person is told, in the language of the upload."""

import unicodedata

from events import OperationFinished
from events.conversation import HandoffRaised
from events.services import OPERATIONS

OTHER = ("The file {name} went through {operation}.", "O arquivo {name} passou por {operation}.")
FAILED = (
    "The file {name} could not be processed: {reason}.",
    "O arquivo {name} não pôde ser processado: {reason}.",
)


def sentence(finished: OperationFinished) -> str:
    """One sentence on one line. Names come from people: line breaks and controls in them become spaces."""
    failed, service = finished.status == "failed", OPERATIONS.get(finished.operation)
    english, portuguese = FAILED if failed else OTHER
    text = portuguese if finished.lang == "pt-BR" else english
    if service and not failed:
        text = service.words(finished.lang).sentence or text
    return text.format(
        name=one_line(finished.original_name),
        operation=one_line(finished.operation),
        reason=one_line(finished.reason or "?").rstrip("."),
    )


def call(raised: HandoffRaised) -> str:
    """What an attendant is told when someone begins to wait, in both languages: nobody knows theirs."""
    name, message = one_line(raised.nome) or "?", one_line(raised.pergunta)
    return f"{name} espera por um atendente / is waiting for a human: {message}"


def one_line(text: str) -> str:
    """`text` without what could break a line or a header, at most 255 characters of it."""
    plain = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in text)
    return " ".join(plain.split())[:255]
