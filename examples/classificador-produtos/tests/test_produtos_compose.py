"""The product classifier in containers, by both generations of Compose: the two pages, the API, the offline job."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from example_compose import GENERATIONS, Project, project
from suite_fixtures import eventually, free_port

pytestmark = pytest.mark.compose

FOLDER = Path(__file__).parents[1]
ONE, TWO = f"http://localhost:{free_port()}", f"http://localhost:{free_port()}"
SERVICES = ("classificador-produtos", "wsgi-app-container", "produtos-nginx")


def category(address: str) -> str:
    try:
        answer = requests.post(address, json={"descricao": "kit 4 esponjas"}, timeout=10)
    except requests.ConnectionError as error:
        raise AssertionError from error  # not up yet
    assert answer.status_code == 200, answer.text
    return str(answer.json()["categoria"])


@pytest.fixture(scope="module", params=GENERATIONS)
def produtos(request: pytest.FixtureRequest) -> Iterator[Project]:
    ports = {"PRODUTOS_PORT": ONE.rsplit(":", 1)[1], "PRODUTOS_NGINX_PORT": TWO.rsplit(":", 1)[1]}
    with project(FOLDER, request.param, "produtos-test", **ports) as compose:
        compose("up", "--detach")
        yield compose


@pytest.mark.parametrize("address", [f"{ONE}/predizer_categoria", f"{ONE}/api/predizer_categoria",
                                     f"{TWO}/api/predizer_categoria"], ids=["one", "one-api", "two-api"])  # fmt: skip
def test_the_api_answers(produtos: Project, address: str) -> None:
    assert eventually(lambda: category(address), 180, every=0.5) == "maquiagem"


@pytest.mark.parametrize("address", [ONE, TWO], ids=["one", "two"])
def test_the_page_is_served(produtos: Project, address: str) -> None:
    eventually(lambda: category(f"{address}/api/predizer_categoria"), 180, every=0.5)
    page = requests.get(f"{address}/cadastro.html", timeout=10)
    assert page.status_code == 200
    assert "<form" in page.text


def test_the_containers_are_hardened(produtos: Project) -> None:
    for service in SERVICES:
        produtos.assert_hardened(service)


def test_the_offline_job_fills_every_empty_category_and_may_run_again(produtos: Project) -> None:
    def rows(condition: str) -> int:
        query = ("psql", "-U", "produtos", "-Atc", f"SELECT count(*) FROM produtos WHERE {condition}")
        return int(produtos("exec", "-T", "produtos-db", *query))

    produtos("run", "--rm", "classificacao-offline")
    assert rows("categoria IN ('livro', 'brinquedo', 'maquiagem', 'game')") == rows("true") > 0
    produtos("run", "--rm", "classificacao-offline")
    assert rows("coalesce(categoria, '') = ''") == 0


def test_sigterm_ends_them_with_status_0(produtos: Project) -> None:
    for service in SERVICES:
        assert produtos.stopped(service) == [0], service
