"""deploy/k8s/ is what the API of Kubernetes takes, and sets what docker-compose.yml sets."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import kubernetes_validate
import pytest
import yaml
from events.services import SERVICES as LISTED
from suite_fixtures import ROOT

FOLDER = ROOT / "deploy/k8s"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
OBJECTS = [each for path in FILES for each in yaml.safe_load_all(path.read_text("utf-8"))]
WORKLOADS = {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] in ("Deployment", "Job")}
SERVICES = {each["metadata"]["name"]: each for each in OBJECTS if each["kind"] == "Service"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
ELSEWHERE = {"zookeeper", "broker", "kafdrop", "nagios", "prometheus"}
"""What a cluster has in its own way, or not at all."""
DOCKERFILES = {"topics": "packages/bus/Dockerfile"}
CLUSTER = {
    *("KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD"),
    *("KAFKA_SSL_CAFILE", "KAFKA_SESSION_TIMEOUT_MS", "KAFKA_CREATE_TOPICS"),
}
"""How a cluster of others is entered: the suite's own broker asks for none of it."""
PLACEHOLDERS = {"suite", "change-me", "", "smtp://mail:1025"}

by_workload = pytest.mark.parametrize("name", WORKLOADS)


class Check(NamedTuple):
    """A health check: an address or a command, and its seconds; `start` is how long it may fail at first."""

    of: str
    interval: int
    timeout: int
    retries: int
    start: int


def name_of(each: dict[str, Any]) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def pod(name: str) -> Any:
    return WORKLOADS[name]["spec"]["template"]["spec"]


def container(name: str) -> Any:
    (only,) = pod(name)["containers"]
    return only


def values(kind: str, name: str) -> dict[str, str]:
    """What a ConfigMap or Secret holds."""
    (found,) = [each for each in OBJECTS if name_of(each) == f"{kind} {name}"]
    held: dict[str, str] = found["data" if kind == "ConfigMap" else "stringData"]
    return held


def environment(name: str) -> dict[str, str]:
    """What the container of a workload is given."""
    given: dict[str, str] = {}
    for source in container(name).get("envFrom", []):
        kind, key = ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
        given |= values(kind, source[key]["name"])
    for one in container(name).get("env", []):
        if "value" in one:
            given[one["name"]] = one["value"]
        else:
            source = one["valueFrom"]["configMapKeyRef"]
            given[one["name"]] = values("ConfigMap", source["name"])[source["key"]]
    return given


def seconds(text: str) -> int:
    assert text.endswith("s")
    return int(text[:-1])


def compose_check(name: str) -> Check:
    """The health check of a service, from docker-compose.yml or else from its image."""
    if check := COMPOSE[name].get("healthcheck"):
        command = " ".join(check["test"][1:])
        timing = {key.replace("_", "-"): value for key, value in check.items()}
    else:
        text = (ROOT / name / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
        found = re.search(r"^HEALTHCHECK (.*?) CMD +(.*)$", text, re.MULTILINE)
        assert found
        command = found[2]
        timing = dict(re.findall(r"--([a-z-]+)=(\S+)", found[1]))
    address = re.search(r"http://127\.0\.0\.1(:\d+/[a-z/]+)", command)
    return Check(
        address[1] if address else command,
        seconds(timing["interval"]),
        seconds(timing["timeout"]),
        int(timing.get("retries", 3)),
        seconds(timing["start-period"]),
    )


@pytest.mark.parametrize("each", OBJECTS, ids=name_of)
def test_each_object_is_what_the_api_takes(each: dict[str, Any]) -> None:
    kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)


def test_a_name_that_the_api_does_not_know_is_found() -> None:
    wrong = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dta": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_each_service_of_compose_is_there_and_nothing_else() -> None:
    assert WORKLOADS.keys() == COMPOSE.keys() - ELSEWHERE
    assert {name for name, each in WORKLOADS.items() if each["kind"] == "Job"} == {"topics"}


def test_every_file_is_applied() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == [path.name for path in FILES]


@by_workload
def test_image_and_command_are_those_of_compose(name: str) -> None:
    entry = COMPOSE[name]
    assert container(name)["image"] == (f"registry.example/suite/{name}" if "build" in entry else entry["image"])
    assert container(name).get("args") == entry.get("command")
    assert "command" not in container(name)
    if "build" in entry:
        assert entry["build"]["dockerfile"] == DOCKERFILES.get(name, f"{name}/Dockerfile")


@by_workload
def test_the_environment_is_that_of_compose(name: str) -> None:
    """By name; and by value, where compose has one. What is set is passed on there, here it stands in a ConfigMap."""
    there = {
        variable: re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", str(value)) if value is not None else None
        for variable, value in COMPOSE[name].get("environment", {}).items()
        if variable not in ("GATEWAY_URL", "KAFDROP_PORT")  # for PUBLIC_URL, and for Kafdrop
    }
    here = environment(name)
    kafka = "KAFKA_BOOTSTRAP_SERVERS" in there
    assert here.keys() == there.keys() | (CLUSTER if kafka else set())
    for variable, value in there.items():
        if value is not None and variable not in ("KAFKA_BOOTSTRAP_SERVERS", "BIND_ADDRESS"):
            assert here[variable] == value, variable


def test_the_live_page_asks_for_a_token_as_others_reach_the_gateway() -> None:
    assert environment("observer")["BIND_ADDRESS"] == "0.0.0.0"
    assert "ATTENDANT_TOKEN" in environment("observer")


@by_workload
def test_memory_and_grace_are_those_of_compose(name: str) -> None:
    units = {"m": "Mi", "g": "Gi"}
    limit = COMPOSE[name]["mem_limit"]
    resources = container(name)["resources"]
    assert resources["limits"]["memory"] == limit[:-1] + units[limit[-1]]
    assert resources["requests"].keys() == {"cpu", "memory"}
    assert pod(name)["terminationGracePeriodSeconds"] == seconds(COMPOSE[name]["stop_grace_period"])


@pytest.mark.parametrize("name", [name for name in WORKLOADS if name != "topics"])
def test_probes_are_the_health_checks_of_compose(name: str) -> None:
    mine, wanted = container(name), compose_check(name)
    ready = mine["readinessProbe"]
    assert (ready["periodSeconds"], ready["timeoutSeconds"], ready["failureThreshold"]) == wanted[1:4]
    if "exec" in ready:
        assert ready["exec"]["command"] == ["sh", "-c", wanted.of]
        assert "livenessProbe" not in mine  # it ends itself; a broker that is away must not end it
    else:
        port = {one["name"]: one["containerPort"] for one in mine["ports"]}[ready["httpGet"]["port"]]
        assert f":{port}{ready['httpGet']['path']}" == wanted.of
        start, alive = mine["startupProbe"], mine["livenessProbe"]
        assert start["periodSeconds"] * start["failureThreshold"] == wanted.start
        assert start["httpGet"] == alive["httpGet"]
        assert alive["httpGet"]["path"].endswith("/healthz")


@by_workload
def test_what_can_be_written_is_what_compose_lets_be_written(name: str) -> None:
    """Folders in memory, and volumes."""
    entry, mounts = COMPOSE[name], container(name)["volumeMounts"]
    there = {path.partition(":")[0]: False for path in entry["tmpfs"]}
    for volume in entry.get("volumes", []):
        _, path, *mode = volume.split(":")
        there[path] = mode == ["ro"]
    assert {one["mountPath"]: one.get("readOnly", False) for one in mounts if one["name"] != "kafka-ca"} == there
    sources = {one["name"]: one for one in pod(name)["volumes"]}
    assert sources.keys() == {one["name"] for one in mounts}
    for one in mounts:
        if one["mountPath"] in {path.partition(":")[0] for path in entry["tmpfs"]}:
            assert sources[one["name"]]["emptyDir"] == {"medium": "Memory"}
    assert ("kafka-ca" in sources) == ("KAFKA_SSL_CAFILE" in environment(name))


@by_workload
def test_no_pod_gets_more_than_is_needed(name: str) -> None:
    """What the Pod Security Standard `restricted` asks for, and a root that is not written to."""
    whole = pod(name)
    assert whole["automountServiceAccountToken"] is False
    assert whole["enableServiceLinks"] is False  # MAIL_PORT=tcp://… would be a setting
    user = whole["securityContext"]
    assert user["runAsNonRoot"] is True
    assert user["runAsUser"] == user["fsGroup"] > 0
    assert user["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(name)["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    if "build" in COMPOSE[name]:
        text = (ROOT / DOCKERFILES.get(name, f"{name}/Dockerfile")).read_text("utf-8")
        assert re.findall(r"^USER (\d+)", text, re.MULTILINE)[-1] == str(user["runAsUser"])


def test_whoever_is_called_by_name_has_a_service_and_nobody_else() -> None:
    """nginx asks the pages and the mail catcher, notifier sends to that; workers are asked for nothing."""
    gateway = (ROOT / "nginx/default.conf.template").read_text("utf-8")
    called = set(re.findall(r"http://([a-z-]+)\$\{SEARCH_DOMAIN\}:(\d+)", gateway)) | {("mail", "1025")}
    called -= {("kafdrop", "9000")}
    ports = {(name, str(one["port"])) for name, each in SERVICES.items() for one in each["spec"]["ports"]}
    assert ports == called | {("nginx", "8080")}
    for name, each in SERVICES.items():
        assert each["spec"]["selector"] == WORKLOADS[name]["spec"]["template"]["metadata"]["labels"]
        named = {one["name"]: one["containerPort"] for one in container(name)["ports"]}
        assert {one["targetPort"]: one["port"] for one in each["spec"]["ports"]} == named


@pytest.mark.parametrize("name", [name for name, each in WORKLOADS.items() if each["kind"] == "Deployment"])
def test_replicas_are_those_of_its_own_label(name: str) -> None:
    spec = WORKLOADS[name]["spec"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == {"app": name}
    assert spec["replicas"] == 1


def test_prometheus_is_led_to_who_serves_metrics() -> None:
    """By the annotations that most clusters go by."""
    led = {
        name: each["spec"]["template"]["metadata"]["annotations"]
        for name, each in WORKLOADS.items()
        if "annotations" in each["spec"]["template"]["metadata"]
    }
    assert led.keys() == {service.name for service in LISTED}
    for name, annotations in led.items():
        assert annotations == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": environment(name)["METRICS_PORT"],
        }


def test_pods_on_several_nodes_may_hold_the_store() -> None:
    (claim,) = [each for each in OBJECTS if each["kind"] == "PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_secrets_are_placeholders() -> None:
    secrets = [each for each in OBJECTS if each["kind"] == "Secret"]
    assert {value for each in secrets for value in each["stringData"].values()} == PLACEHOLDERS


@pytest.fixture
def kubectl() -> str:
    if found := shutil.which("kubectl"):
        return found
    if os.environ.get("CI"):
        pytest.fail("kubectl is not here")
    pytest.skip("no kubectl here")


def rendered(*command: str) -> list[Any]:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.usefixtures("kubectl")
def test_what_make_k8s_prints_is_what_the_files_say() -> None:
    assert sorted(rendered("make", "--silent", "k8s"), key=name_of) == sorted(OBJECTS, key=name_of)


@pytest.mark.parametrize("page", ["kubernetes.md", "kubernetes.pt-BR.md"])
def test_the_overlay_of_the_page_names_the_images_that_it_builds_and_sets_what_it_says(
    kubectl: str, tmp_path: Path, page: str
) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    overlay, settings, *_ = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (loop,) = re.findall(r"^for service in (.*); do$", text, re.MULTILINE)
    built = ["topics", *loop.split()]
    wanted = {f"registry.example/suite/{name}": f"ghcr.io/ana/{name}" for name in built}
    assert {one["name"]: one["newName"] for one in yaml.safe_load(overlay)["images"]} == wanted
    assert wanted.keys() <= {container(name)["image"] for name in WORKLOADS}
    if (
        "Kustomize Version"
        not in subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, check=False).stdout
    ):
        pytest.skip("the Kustomize of this kubectl is older than such overlays")

    (tmp_path / "event-suite").symlink_to(ROOT)
    (tmp_path / "my-cluster").mkdir()
    (tmp_path / "my-cluster/kustomization.yaml").write_text(overlay, "utf-8")
    (tmp_path / "my-cluster/settings.yaml").write_text(settings, "utf-8")
    made = {name_of(each): each for each in rendered(kubectl, "kustomize", str(tmp_path / "my-cluster"))}
    assert made.keys() == set(map(name_of, OBJECTS))
    for each in made.values():
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
    for name in built:
        (only,) = made[name_of(WORKLOADS[name])]["spec"]["template"]["spec"]["containers"]
        assert only["image"] == f"ghcr.io/ana/{name}:1"
    for patch in yaml.safe_load_all(settings):
        part = "data" if patch["kind"] == "ConfigMap" else "stringData"
        assert patch[part].items() <= made[name_of(patch)][part].items()
        assert patch[part].keys() <= values(patch["kind"], patch["metadata"]["name"]).keys()


@pytest.mark.parametrize(
    ("locale", "words"), [("C.UTF-8", "kubectl is missing"), ("pt_BR.UTF-8", "falta o kubectl")], ids=["en", "pt"]
)
def test_make_k8s_says_in_a_sentence_that_kubectl_is_missing(tmp_path: Path, locale: str, words: str) -> None:
    for tool in ("sh", "make"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    env = {"PATH": str(tmp_path), "LC_ALL": locale}
    make = ["make", "--silent", "k8s", "COMPOSE=true", "PYTHON=true"]
    done = subprocess.run(make, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode
    assert done.stdout == ""
    assert words in done.stderr.splitlines()[0]
