"""Every Kubernetes manifest of the project, checked offline against the schemas of Kubernetes itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from suite_fixtures import ROOT

MANIFESTS = ("examples/classificador-produtos/k8s/*.yaml", "examples/marketplace/kubernetes.yaml")
VERSIONS = ("1.30", "1.37")  # the oldest and the newest that it is tried with

WORKLOADS = {"Deployment", "StatefulSet", "Job"}


def objects(pattern: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in sorted(ROOT.glob(pattern)):
        for found in yaml.safe_load_all(file.read_text("utf-8")):
            yield file, found


def described(value: object) -> str:
    return f"{value['kind']}-{value['metadata']['name']}" if isinstance(value, dict) else ""


EVERY = [found for pattern in MANIFESTS for _, found in objects(pattern)]
PODS = [found for found in EVERY if found["kind"] in WORKLOADS]


@pytest.mark.parametrize("pattern", MANIFESTS)
def test_every_pattern_finds_manifests(pattern: str) -> None:
    assert list(objects(pattern))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("found", EVERY, ids=described)
def test_a_manifest_is_what_its_schema_says(found: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(found, version, strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    spec = {"containers": [{"name": "a"}], "x": 1}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("found", PODS, ids=described)
def test_a_pod_is_hardened_and_limited(found: dict[str, Any]) -> None:
    pod = found["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("found", [one for one in EVERY if one["kind"] == "Service"], ids=described)
def test_a_service_leads_to_a_port_of_pods(found: dict[str, Any]) -> None:
    selector = found["spec"]["selector"].items()
    templates = [one["spec"]["template"] for one in PODS]
    pods = [one for one in templates if selector <= one["metadata"]["labels"].items()]
    assert len(pods) == 1
    named = {port["name"] for container in pods[0]["spec"]["containers"] for port in container["ports"]}
    assert {port["targetPort"] for port in found["spec"]["ports"]} <= named
