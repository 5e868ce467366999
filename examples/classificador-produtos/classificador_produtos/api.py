"""The API: a description in, its category out."""

import json

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from classificador_produtos.classifier import categories

MAX_BODY_BYTES = 64 * 1024

SENTENCES = {
    "not-json": (
        'O corpo precisa ser um objeto JSON, como {"descricao": "kit 4 esponjas"}.',
        'The body has to be a JSON object, such as {"descricao": "kit 4 esponjas"}.',
    ),
    "no-description": ('Falta o campo "descricao".', 'The field "descricao" is missing.'),
    "not-text": ('O campo "descricao" precisa ser um texto.', 'The field "descricao" has to be a text.'),
    "empty": ("Escreva a descrição do produto.", "Write the description of the product."),
    "too-large": ("A descrição é longa demais: até 64 kB.", "The description is too long: up to 64 kB."),
    "other": ("Este pedido não é conhecido aqui.", "This request is not known here."),
}


def create_app() -> Flask:
    """Return the WSGI application, with the model loaded."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    categories(["livro"])

    @app.post("/predizer_categoria")
    def predict() -> Response | tuple[Response, int]:
        """Answer `{"categoria"}` for `{"descricao"}`; a sentence and a status 4xx for anything else."""
        try:
            asked = json.loads(request.get_data())
        except (ValueError, RecursionError):
            return _problem(400, "not-json")
        if not isinstance(asked, dict):
            return _problem(400, "not-json")
        if "descricao" not in asked:
            return _problem(400, "no-description")
        description = asked["descricao"]
        if not isinstance(description, str):
            return _problem(400, "not-text")
        if not description.strip():
            return _problem(400, "empty")
        return jsonify(categoria=categories([description])[0])

    @app.get("/healthz")
    def health() -> tuple[str, int, dict[str, str]]:
        return "ok\n", 200, {"Content-Type": "text/plain"}

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response | tuple[Response, int] | HTTPException:
        if error.code is None or error.code >= 500:
            return error
        return _problem(error.code, "too-large" if error.code == 413 else "other")

    return app


def _problem(status: int, kind: str) -> tuple[Response, int]:
    """An answer of RFC 9457, in the language that the client prefers."""
    language = request.accept_languages.best_match(["pt", "en"], default="pt")
    response = jsonify(type=f"urn:problem:{kind}", status=status, detail=SENTENCES[kind][language == "en"])
    response.content_type = "application/problem+json"
    return response, status
