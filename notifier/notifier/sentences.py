"""What a person is told, in the language of the upload."""

import unicodedata

from bus import OperationFinished
from bus.conversation import HandoffRaised

DONE = {
    "rotate": ("The file {name} was rotated.", "O arquivo {name} foi rotacionado."),
    "grayscale": (
        "The file {name} was turned into black and white.",
        "O arquivo {name} foi transformado em preto e branco.",
    ),
    "caption": (
        "The name of the file {name} was written on the image.",
        "O nome do arquivo {name} foi escrito na imagem.",
    ),
}
OTHER = ("The file {name} went through {operation}.", "O arquivo {name} passou por {operation}.")
FAILED = (
    "The file {name} could not be processed: {reason}.",
    "O arquivo {name} não pôde ser processado: {reason}.",
)


def sentence(finished: OperationFinished) -> str:
    """One sentence on one line. Names come from people: line breaks and controls in them become spaces."""
    english, portuguese = FAILED if finished.status == "failed" else DONE.get(finished.operation, OTHER)
    text = portuguese if finished.lang == "pt-BR" else english
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
