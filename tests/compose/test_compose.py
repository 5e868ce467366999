"""The containers themselves: what is killed comes back and loses nothing, what scales shares, what stops is clean."""

import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
import yaml
from containers import assert_confined, compose, containers, docker, healthy, inspect
from PIL import Image
from sample_pictures import encoded, quarters
from suite_fixtures import ROOT, Suite, eventually

pytestmark = pytest.mark.compose

PICTURES = ("image-upload", "rotate-worker", "grayscale-worker", "caption-worker", "notifier", "nginx")
OURS = (*PICTURES, "chatbot", "observer", "sentiment-consumer")
PHOTO = encoded(quarters((1600, 1200)))


def upload_until_accepted(suite: Suite, number: int) -> str:
    """What a person does, or the page for them: try again while the answer is that something is away."""

    def attempt() -> str | None:
        try:
            (image,) = suite.upload((f"{number}.jpg", PHOTO))
        except (requests.RequestException, AssertionError):
            time.sleep(0.5)
            return None
        return str(image["id"])

    return eventually(attempt, 120)


@pytest.mark.parametrize("service", [*PICTURES, "broker", "zookeeper", "kafdrop"])
def test_a_sigkill_in_the_middle_of_100_uploads_loses_none(suite: Suite, service: str) -> None:
    pid = inspect(containers(service)[0])["State"]["Pid"]
    started = inspect(containers(service)[0])["State"]["StartedAt"]
    threading.Timer(1.0, os.kill, (pid, signal.SIGKILL)).start()
    with ThreadPoolExecutor(4) as people:
        accepted = list(people.map(lambda number: upload_until_accepted(suite, number), range(100)))
    assert len(set(accepted)) == 100
    eventually(lambda: inspect(containers(service)[0])["State"]["StartedAt"] != started, 60)
    for image in accepted:
        finished = suite.finished(image, 90)
        assert {one["status"] for one in finished["operations"].values()} == {"done"}
    eventually(lambda: healthy(service), 90, every=1)
    eventually(suite.ready, 60, every=0.5)


def test_scaling_out_spreads_the_partitions(suite: Suite) -> None:
    compose("up", "--detach", "--no-recreate", "--scale", "rotate-worker=3", "rotate-worker")
    try:
        assert len(containers("rotate-worker")) == 3

        def shares() -> list[int]:
            lines = [docker("logs", one).splitlines() for one in containers("rotate-worker")]
            last = [[line for line in log if "assigned=" in line][-1:] for log in lines]
            return sorted(line[0].count("'image/") if line else 0 for line in last)

        def even() -> bool:
            assert shares() == [2, 2, 2]
            return True

        eventually(even, 60, every=0.5)
        images = [suite.upload((f"{number}.jpg", PHOTO))[0]["id"] for number in range(20)]
        assert all(suite.finished(image)["operations"]["rotate"]["status"] == "done" for image in images)
    finally:
        compose("up", "--detach", "--no-recreate", "--scale", "rotate-worker=1", "rotate-worker")
        eventually(suite.ready, 60, every=0.5)


@pytest.mark.parametrize("service", OURS)
def test_the_containers_give_no_more_than_is_needed(service: str) -> None:
    container = inspect(containers(service)[0])
    assert_confined(container)
    assert container["HostConfig"]["LogConfig"]["Config"]["max-size"]


@pytest.mark.parametrize("service", [*OURS, "kafdrop"])
def test_what_is_unpacked_into_tmp_runs_nowhere_but_in_kafdrop(service: str) -> None:
    """Its libraries for snappy and zstd are such."""
    pid = inspect(containers(service)[0])["State"]["Pid"]
    mounts = [line.split() for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()]
    (options,) = [mount[3].split(",") for mount in mounts if mount[1] == "/tmp"]
    assert ("noexec" in options) == (service != "kafdrop")


def test_the_gateway_has_two_workers_however_many_cores_there_are() -> None:
    (container,) = containers("nginx")
    assert "worker_processes 2;" in docker("exec", container, "cat", "/etc/nginx/nginx.conf")
    processes = docker("top", container, "-o", "pid,args").splitlines()
    assert sum("nginx: worker" in process for process in processes) == 2


@pytest.mark.parametrize("service", ["rotate-worker", "grayscale-worker"])
def test_jpegs_are_turned_without_loss_in_the_containers(service: str) -> None:
    program = "from pictures import lossless; print(lossless.available())"
    assert compose("exec", "-T", service, "python", "-c", program) == "True"


def test_the_logs_of_broker_zookeeper_and_kafdrop_are_quiet() -> None:
    for service in ("broker", "zookeeper", "kafdrop"):
        assert not [line for line in docker("logs", containers(service)[0]).splitlines() if " INFO " in line]


@pytest.mark.parametrize("command", [["docker", "compose"], ["docker-compose"]], ids=" ".join)
def test_links_begin_with_the_address_that_was_set_or_that_of_the_gateway(command: list[str]) -> None:
    def environment(**variables: str) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name not in ("PUBLIC_URL", "GATEWAY_PORT")}
        config = subprocess.run(
            [*command, "config"], cwd=ROOT, env=env | variables, capture_output=True, text=True, check=True
        )
        found: dict[str, str] = yaml.safe_load(config.stdout)["services"]["notifier"]["environment"]
        return found

    moved = environment(GATEWAY_PORT="8090")
    assert (moved["PUBLIC_URL"], moved["GATEWAY_URL"]) == (None, "http://localhost:8090")
    assert environment(PUBLIC_URL="https://suite.example")["PUBLIC_URL"] == "https://suite.example"


def test_everything_is_healthy() -> None:
    for service in (*OURS, "broker", "zookeeper", "kafdrop"):
        eventually(lambda service=service: healthy(service), 90, every=1)


def test_a_missing_part_is_shown_as_off_and_what_waits_is_done_when_it_is_back(suite: Suite) -> None:
    compose("stop", "rotate-worker")
    try:
        groups = eventually(
            lambda: (
                (found := suite.get("/upload/api/groups").json()["groups"])["rotate-worker"]["members"] == 0 and found
            )
        )
        assert groups["grayscale-worker"]["members"] == 1
        (image,) = suite.upload(("waits.jpg", PHOTO))

        def grey() -> bool:
            operations = suite.get(f"/upload/api/images/{image['id']}").json()["operations"]
            return (operations["grayscale"]["status"], operations["rotate"]["status"]) == ("done", "pending")

        eventually(grey)
    finally:
        compose("start", "rotate-worker")
    assert suite.finished(image["id"])["operations"]["rotate"]["status"] == "done"
    compose("stop", "image-upload")
    try:
        answer = suite.get("/upload/api/images")
        assert answer.status_code == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
    finally:
        compose("start", "image-upload")
        eventually(suite.ready, 60, every=0.5)


@pytest.mark.parametrize("service", OURS)
def test_sigterm_ends_a_service_with_status_0(suite: Suite, service: str) -> None:
    (container,) = containers(service)
    with requests.get(f"{suite.url}/upload/api/events", stream=True, timeout=30) as stream:
        next(stream.iter_lines())  # an open event stream holds nothing up
        for number in range(5):
            suite.upload((f"{number}.jpg", PHOTO))
        docker("kill", "--signal", "TERM", container)
        eventually(lambda: not inspect(container)["State"]["Running"], 30)
    assert inspect(container)["State"]["ExitCode"] == 0
    docker("start", container)
    eventually(suite.ready, 60, every=0.5)


def test_a_wrong_setting_ends_a_container_with_78_and_one_line() -> None:
    for service, variable in (("rotate-worker", "ROTATE_DEGREES"), ("image-upload", "MAX_UPLOAD_MB")):
        image = inspect(containers(service)[0])["Image"]
        run = subprocess.run(
            ["docker", "run", "--rm", "-e", f"{variable}=x", image], capture_output=True, text=True, check=False
        )
        assert run.returncode == 78
        (line,) = (run.stdout + run.stderr).strip().splitlines()
        assert variable in line


def test_each_image_builds_and_runs_by_hand(suite: Suite) -> None:
    docker("build", "--quiet", "--file", "rotate-worker/Dockerfile", "--tag", "suite-by-hand", ".")
    container = docker(
        *("run", "--detach", "--network", "minharede", "--volume", "pictures:/data"),
        *("-e", "KAFKA_BOOTSTRAP_SERVERS=broker:29092", "-e", "KAFKA_GROUP_ID=by-hand", "suite-by-hand"),
    )
    try:
        (image,) = suite.upload(("by-hand.jpg", PHOTO))
        suite.finished(image["id"])
        eventually(lambda: "assigned=" in docker("logs", container), 60, every=0.5)
        eventually(lambda: _lag("by-hand") == 0, 60, every=0.5)
    finally:
        docker("rm", "--force", container)


def _lag(group: str) -> int:
    """Records of `image` that the group has not committed; -1 while it has no offsets."""
    table = compose(
        *("exec", "-T", "-e", "KAFKA_OPTS=", "broker"),
        *("kafka-consumer-groups", "--bootstrap-server", "broker:29092", "--describe", "--group", group),
    )
    rows = [line.split() for line in table.splitlines() if line.startswith(group)]
    lags = [int(row[5]) for row in rows if row[5] != "-"]
    return sum(lags) if rows else -1


def test_a_full_store_is_told_and_what_was_accepted_is_finished_when_there_is_room(suite: Suite) -> None:
    """The results cannot be written for a while: the worker tries again, loses nothing and tears nothing."""
    (container,) = containers("rotate-worker")
    pid = inspect(container)["State"]["Pid"]
    mount = ["nsenter", "--target", str(pid), "--mount", "mount", "-o"]
    if subprocess.run([*mount, "remount,bind,ro", "/data"], check=False, capture_output=True).returncode:
        pytest.fail("the store could not be made read-only")
    try:
        (image,) = suite.upload(("full.jpg", PHOTO))
        eventually(lambda: "Read-only file system" in docker("logs", container), 30)
        operations = suite.get(f"/upload/api/images/{image['id']}").json()["operations"]
        assert operations["rotate"]["status"] == "pending"
    finally:
        subprocess.run([*mount, "remount,bind,rw", "/data"], check=True)
    assert suite.finished(image["id"], 90)["operations"]["rotate"]["status"] == "done"


def test_many_who_read_slowly_do_not_fill_the_gateway(suite: Suite) -> None:
    """Eight phones load an original of 14 MB; nginx has 64 MB, and its /tmp is part of them."""
    size = (2200, 2200)
    noise = Image.frombytes("RGB", size, random.Random(0).randbytes(size[0] * size[1] * 3))
    photo = encoded(noise, "PNG", compress_level=1)
    (image,) = suite.upload(("large.png", photo))
    container = containers("nginx")[0]
    started = inspect(container)["State"]["StartedAt"]
    url = f"{suite.url}/upload/api/images/{image['id']}/original"
    with ExitStack() as stack:
        phones = [stack.enter_context(requests.get(url, stream=True, timeout=60)) for _ in range(8)]
        chunks = [phone.iter_content(1 << 16) for phone in phones]
        begun = [next(chunk) for chunk in chunks]
        time.sleep(3)  # for a gateway that takes in what it cannot pass on
        assert int(docker("exec", container, "df", "-k", "/tmp").splitlines()[-1].split()[2]) < 1_000
        whole = [first + b"".join(rest) for first, rest in zip(begun, chunks, strict=True)]
    assert whole == [photo] * 8
    assert inspect(container)["State"]["StartedAt"] == started
