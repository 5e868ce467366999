"""nginx before a service that says who asked, on a network of its own."""

import uuid
from collections.abc import Iterator

import pytest
from containers import docker
from gateway_checks import (
    CLIENT,
    address_seen,
    answers_a_body_that_pauses,
    responds,
    serves_again_what_a_browser_has,
    serves_its_own_names_alone,
    shows_the_documents,
    shows_the_start_page,
)
from suite_fixtures import ROOT, eventually

pytestmark = pytest.mark.compose


@pytest.fixture
def gateway(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a gateway with TRUSTED_PROXIES as the test wants it."""
    name = f"gateway-{uuid.uuid4().hex[:8]}"
    trusted = getattr(request, "param", "")
    nginx, service = (docker("build", "-q", "-f", f"{one}/Dockerfile", ".") for one in ("nginx", "image-upload"))
    docker("network", "create", name)
    upstream = ("gunicorn", "-c", "python:web.gunicorn", "gateway_upstream:app")
    run = ("run", "--detach", "--rm", "--network", name, "-e", "ALLOWED_HOSTS=turma.example")
    behind = ("--network-alias", "image-upload", "-v", f"{ROOT}/tests:/tests:ro", "-w", "/tests")
    containers = [
        docker(*run, *behind, service, *upstream),
        docker(*run, "-p", "127.0.0.1::8080", "-e", f"TRUSTED_PROXIES={trusted}", nginx),
    ]
    url = f"http://{docker('port', containers[1], '8080')}"

    try:
        eventually(lambda: responds(url))
        yield url
    finally:
        docker("rm", "--force", *containers)
        docker("network", "rm", name)


def test_it_serves_its_own_names_alone(gateway: str) -> None:
    serves_its_own_names_alone(gateway)


def test_what_a_browser_has_already_is_served_again(gateway: str) -> None:
    serves_again_what_a_browser_has(gateway)


def test_it_shows_the_documents(gateway: str) -> None:
    shows_the_documents(gateway)


def test_the_root_is_the_start_page_where_no_live_page_is(gateway: str) -> None:
    shows_the_start_page(gateway)
    shows_the_start_page(gateway, "/index.html")


def test_a_forged_address_is_useless(gateway: str) -> None:
    assert address_seen(gateway, CLIENT) != CLIENT


@pytest.mark.parametrize("gateway", ["192.168.0.0/16,172.16.0.0/12,10.0.0.0/8"], indirect=True)
def test_the_address_of_a_client_is_what_a_trusted_proxy_says(gateway: str) -> None:
    assert address_seen(gateway, CLIENT) == CLIENT
    assert address_seen(gateway, f"6.6.6.6, {CLIENT}, 10.0.0.1") == CLIENT


def test_a_body_that_pauses_is_answered(gateway: str) -> None:
    answers_a_body_that_pauses(gateway)


def test_the_resolver_is_the_containers_own() -> None:
    """Docker's is 127.0.0.11, Podman's is the network's first address; the machine's, listed after it, is not asked."""
    image = docker("build", "--quiet", "--file", "nginx/Dockerfile", ".")
    configuration = docker("run", "--rm", "--dns", "192.0.2.53", "--dns", "192.0.2.54", image, "nginx", "-T")
    assert "resolver 192.0.2.53 valid=5s" in configuration


def test_on_kubernetes_services_are_asked_for_by_their_whole_names() -> None:
    """nginx does not search the domains of the container, as programs do; on other networks the names are whole."""
    image = docker("build", "--quiet", "--file", "nginx/Dockerfile", ".")
    kubernetes = ("suite.svc.cluster.local", "svc.cluster.local", "cluster.local")
    for domains, ending in ((kubernetes, ".suite.svc.cluster.local"), (("campus.example",), "")):
        searched = [part for domain in domains for part in ("--dns-search", domain)]
        configuration = docker("run", "--rm", *searched, image, "nginx", "-T")
        assert f"http://image-upload{ending}:8000;" in configuration
        assert f"http://mail{ending}:1080;" in configuration
