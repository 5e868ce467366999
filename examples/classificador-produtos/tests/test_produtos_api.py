"""The API: what it answers, and what it says to what it cannot answer."""

import json

import pytest
from classificador_produtos.api import create_app
from flask.testing import FlaskClient


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app().test_client()


@pytest.mark.parametrize(
    ("description", "category"),
    [
        ("kit 4 esponjas", "maquiagem"),
        ("senhor dos aneis as duas torres", "livro"),
        ("boneca que fala", "brinquedo"),
        ("Controle Sem Fio PS4", "game"),
    ],
)
def test_a_description_has_its_category(client: FlaskClient, description: str, category: str) -> None:
    response = client.post("/predizer_categoria", json={"descricao": description})
    assert (response.status_code, response.json) == (200, {"categoria": category})


def test_the_content_type_may_be_missing(client: FlaskClient) -> None:
    assert client.post("/predizer_categoria", data='{"descricao": "batom"}').json == {"categoria": "maquiagem"}


@pytest.mark.parametrize("odd", ["\ud800", "\0", "?!", "日本語", "a" * 60_000])
def test_any_text_has_a_category(client: FlaskClient, odd: str) -> None:
    response = client.post("/predizer_categoria", data=json.dumps({"descricao": odd}))
    assert response.status_code == 200
    assert response.json["categoria"] in {"livro", "brinquedo", "maquiagem", "game"}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        (b"descricao=batom", 400, "O corpo precisa ser um objeto JSON"),
        (b"", 400, "O corpo precisa ser um objeto JSON"),
        (b"\xff\xfe\xfa", 400, "O corpo precisa ser um objeto JSON"),
        (b"[" * 60_000, 400, "O corpo precisa ser um objeto JSON"),
        (b'["batom"]', 400, "O corpo precisa ser um objeto JSON"),
        (b"{}", 400, 'Falta o campo "descricao".'),
        (b'{"descricao": 7}', 400, 'O campo "descricao" precisa ser um texto.'),
        (b'{"descricao": null}', 400, 'O campo "descricao" precisa ser um texto.'),
        (b'{"descricao": ["batom"]}', 400, 'O campo "descricao" precisa ser um texto.'),
        (b'{"descricao": ""}', 400, "Escreva a descrição do produto."),
        (b'{"descricao": " \\n"}', 400, "Escreva a descrição do produto."),
        (json.dumps({"descricao": "a" * 1_000_000}).encode(), 413, "A descrição é longa demais"),
    ],
)
def test_bad_input_is_told_so_in_a_sentence(client: FlaskClient, body: bytes, status: int, sentence: str) -> None:
    response = client.post("/predizer_categoria", data=body)
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.json["detail"].startswith(sentence)


def test_the_sentence_is_in_the_language_of_the_client(client: FlaskClient) -> None:
    response = client.post("/predizer_categoria", data="{}", headers={"Accept-Language": "en-GB,en;q=0.8"})
    assert response.json["detail"] == 'The field "descricao" is missing.'


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/predizer_categoria", 405), ("POST", "/", 404)])
def test_other_requests_are_refused_in_a_sentence(client: FlaskClient, method: str, path: str, status: int) -> None:
    response = client.open(path, method=method)
    assert (response.status_code, response.json["detail"]) == (status, "Este pedido não é conhecido aqui.")
