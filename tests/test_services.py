"""The list of services (services.json) and the places that a tool wants them in say the same."""

import re
from configparser import ConfigParser

import pytest
import yaml
from events.catalogue import TOPICS
from events.services import ALL_TOPICS, OPERATIONS, SERVICES, Service
from suite_fixtures import ROOT

NAMES = {service.name for service in SERVICES}
by_name = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def test_every_folder_of_a_service_is_listed() -> None:
    assert {project.parent.name for project in ROOT.glob("*/pyproject.toml")} == NAMES


def test_compose_has_an_entry_for_each() -> None:
    entries = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    built = {name for name, entry in entries.items() if "build" in entry}
    assert built - {"topics", "nginx", "nagios", "prometheus"} == NAMES


def test_the_linter_of_imports_knows_each() -> None:
    linter = ConfigParser()
    linter.read(ROOT / ".importlinter", encoding="utf-8")
    modules = {name.replace("-", "_") for name in NAMES}
    assert modules <= set(linter["importlinter"]["root_packages"].split())
    assert modules == set(linter["importlinter:contract:floors"]["layers"].strip().splitlines()[0].split(" | "))
    assert modules <= set(linter["importlinter:contract:kafka"]["source_modules"].split())
    assert modules <= set(linter["importlinter:contract:circles"]["ancestors"].split())


@by_name
def test_it_reads_and_publishes_topics_of_the_catalogue(service: Service) -> None:
    assert {*service.publishes} <= TOPICS.keys()
    assert {*service.reads} <= TOPICS.keys() or (service.page and service.reads == (ALL_TOPICS,))


@by_name
def test_sentences_name_the_file_and_nothing_else(service: Service) -> None:
    for words in (service.english, service.portuguese):
        assert re.findall("{.*?}", words.sentence or "{name}") == ["{name}"]


def test_an_operation_is_that_of_the_worker_of_its_name() -> None:
    """Pages know the group of consumers of an operation by that."""
    assert {operation: service.name for operation, service in OPERATIONS.items()} == {
        operation: f"{operation}-worker" for operation in OPERATIONS
    }
