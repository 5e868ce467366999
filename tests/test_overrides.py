"""The overrides of deploy/compose/ reach every service that speaks to Kafka, and set what Kubernetes sets too."""

from typing import Any

import pytest
import yaml
from suite_fixtures import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
CLIENTS = {name for name, entry in COMPOSE.items() if "KAFKA_BOOTSTRAP_SERVERS" in entry.get("environment", {})}


def override(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose" / f"{name}.yml").read_text("utf-8"))["services"]
    return found


@pytest.mark.parametrize("name", ["external-kafka", "sasl"])
def test_every_client_of_kafka_is_told_how_to_enter(name: str) -> None:
    entries = override(name)
    told = {service for service, entry in entries.items() if "KAFKA_SECURITY_PROTOCOL" in entry.get("environment", {})}
    assert told == CLIENTS
    assert len({str(entries[service]["environment"]) for service in told}) == 1


def test_a_kafka_elsewhere_is_entered_by_the_settings_that_kubernetes_has() -> None:
    first, *_ = yaml.safe_load_all((ROOT / "deploy/k8s/config.yaml").read_text("utf-8"))
    secret, *_ = yaml.safe_load_all((ROOT / "deploy/k8s/secrets.yaml").read_text("utf-8"))
    passed_on = override("external-kafka")["topics"]["environment"].keys() | COMPOSE["topics"]["environment"].keys()
    assert first["data"].keys() | secret["stringData"].keys() == passed_on


def test_neither_broker_nor_zookeeper_is_started_beside_a_kafka_elsewhere() -> None:
    assert {name for name, entry in override("external-kafka").items() if entry.get("scale") == 0} == {
        "broker",
        "zookeeper",
    }


def test_every_client_of_kafka_knows_all_three_brokers() -> None:
    entries = override("three-brokers")
    brokers = [name for name in (*COMPOSE, *entries) if name.startswith("broker")]
    bootstrap = ",".join(f"{name}:29092" for name in dict.fromkeys(brokers))
    environments = {name: entry.get("environment", {}) for name, entry in entries.items()}
    told = {name for name, env in environments.items() if env.get("KAFKA_BOOTSTRAP_SERVERS") == bootstrap}
    assert told == CLIENTS
    assert environments["kafdrop"]["KAFKA_BROKERCONNECT"] == bootstrap


def test_the_brokers_of_three_differ_in_nothing_but_their_names() -> None:
    entries = override("three-brokers")
    first = COMPOSE["broker"] | {"environment": COMPOSE["broker"]["environment"] | entries["broker"]["environment"]}

    def alike(broker: dict[str, Any]) -> dict[str, Any]:
        own = {"KAFKA_BROKER_ID", "KAFKA_ADVERTISED_LISTENERS"}
        environment = {name: value for name, value in broker["environment"].items() if name not in own}
        return {**broker, "environment": environment, "ports": None, "volumes": None}

    assert alike(entries["broker-2"]) == alike(entries["broker-3"]) == alike(first)
