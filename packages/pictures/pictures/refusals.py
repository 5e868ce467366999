"""Why a picture is refused, in a sentence for the person who sent it."""

from typing import Any, Literal, Self, cast, get_args

Code = Literal[
    "empty",
    "too-large",
    "not-an-image",
    "unsupported-format",
    "unsupported-kind",
    "truncated",
    "damaged",
    "too-many-pixels",
    "too-long-a-side",
    "too-many-frames",
    "missing",
    "outside-store",
    "out-of-memory",
    "timed-out",
    "failed",
]
CODES: tuple[Code, ...] = get_args(Code)

# By code: English, Brazilian Portuguese. The words in braces are the parameters of `Refused`.
_SENTENCES: dict[Code, tuple[str, str]] = {
    "empty": (
        "The file is empty.",
        "O arquivo está vazio.",
    ),
    "too-large": (
        "The file is too large: the limit is {limit} MB.",
        "O arquivo é grande demais: o limite é de {limit} MB.",
    ),
    "not-an-image": (
        "The file is not a picture; accepted are {accepted}.",
        "O arquivo não é uma imagem; são aceitos {accepted}.",
    ),
    "unsupported-format": (
        "The file is of type {kind}, which is not accepted; accepted are {accepted}.",
        "O arquivo é do tipo {kind}, que não é aceito; são aceitos {accepted}.",
    ),
    "unsupported-kind": (
        "The file is whole, but pictures of its kind are not supported: {kind}.",
        "O arquivo está inteiro, mas imagens deste tipo não são suportadas: {kind}.",
    ),
    "truncated": (
        "The picture is incomplete: the end of the file is missing.",
        "A imagem está incompleta: falta o fim do arquivo.",
    ),
    "damaged": (
        "The picture is damaged or incomplete and cannot be read.",
        "A imagem está danificada ou incompleta e não pode ser lida.",
    ),
    "too-many-pixels": (
        "The picture has {megapixels} megapixels, all frames counted; the limit for {kind} is {limit}.",
        "A imagem tem {megapixels} megapixels, contando todos os quadros; o limite para {kind} é {limit}.",
    ),
    "too-long-a-side": (
        "The picture measures {width} × {height} pixels; the limit is {limit} a side.",
        "A imagem mede {width} × {height} pixels; o limite é {limit} por lado.",
    ),
    "too-many-frames": (
        "The animation has more than {limit} frames.",
        "A animação tem mais de {limit} quadros.",
    ),
    "missing": (
        "The file is no longer there.",
        "O arquivo não existe mais.",
    ),
    "outside-store": (
        "The name of the file is not acceptable.",
        "O nome do arquivo não é aceitável.",
    ),
    "out-of-memory": (
        "The picture needs more memory than there is for it.",
        "A imagem precisa de mais memória do que há para ela.",
    ),
    "timed-out": (
        "Processing the picture took too long.",
        "O processamento da imagem demorou demais.",
    ),
    "failed": (
        "The picture could not be processed.",
        "Não foi possível processar a imagem.",
    ),
}


class Refused(Exception):
    """A picture that cannot be accepted or processed, and never will be: trying again is of no use.

    `code` says why, for programs; `parameters` are the figures and names of the sentence (numbers and
    strings, so that a refusal crosses a process boundary as JSON or by pickle).
    """

    def __init__(self, code: Code, **parameters: str | float) -> None:
        super().__init__(code)
        self.code: Code = code
        self.parameters = parameters

    def sentence(self, lang: str | None = "en") -> str:
        """Return one sentence for a person, with its full stop, in `lang`: "pt-BR", else English."""
        english, portuguese = _SENTENCES[self.code]
        if lang != "pt-BR":
            return english.format_map({name: _written(value) for name, value in self.parameters.items()})
        written = {name: _written(value, ",") for name, value in self.parameters.items()}
        return portuguese.format_map(written)

    def __str__(self) -> str:
        return self.sentence("en")

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` takes: `{"code", "parameters"}`."""
        return {"code": self.code, "parameters": self.parameters}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return the refusal that `to_json` described. Raises ValueError when the code is unknown."""
        if value["code"] not in CODES:
            raise ValueError(f"unknown code of a refusal: {value['code']!r}")
        return cls(cast(Code, value["code"]), **value["parameters"])


def _written(value: str | float, mark: str = ".") -> str:
    """12.0 is written 12, and 12.34 is 12.3 or 12,3."""
    if isinstance(value, str):
        return value
    return f"{value:.1f}".removesuffix(".0").replace(".", mark)
