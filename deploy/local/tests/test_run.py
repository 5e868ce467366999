"""`make run` as a person has it: started, used, hurt, stopped. Ports and folder of its own."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from suite_fixtures import eventually, free_port

pytestmark = pytest.mark.broker
RUNNER = Path(__file__).parents[1] / "run.py"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Runner:
    """One runner; what it prints is collected in `output`."""

    def __init__(self, run_dir: Path, **env: str):
        self.run_dir = run_dir
        defaults = {
            "GATEWAY_PORT": str(free_port()),
            "KAFKA_PORT": str(free_port()),
            "MAIL_PORT": str(free_port()),
            "MAIL_SMTP_PORT": str(free_port()),
            "LC_ALL": "C.UTF-8",
        }
        self.env = defaults | {"RUN_DIR": str(run_dir)} | env
        self._output = run_dir.parent / f"{uuid.uuid4().hex}.output"
        with self._output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, RUNNER], env=os.environ | self.env, stdout=output, stderr=output
            )
        self.url = f"http://localhost:{self.env['GATEWAY_PORT']}"

    @property
    def output(self) -> str:
        return self._output.read_text()

    def ready(self) -> "Runner":
        eventually(lambda: "Ready" in self.output or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.output
        return self

    def status(self, seconds: float = 30) -> int:
        """Its exit status; fails where it does not end."""
        return self.process.wait(seconds)

    def log(self, name: str) -> str:
        return (self.run_dir / "log" / f"{name}.log").read_text()

    def supervisor(self) -> int:
        return int((self.run_dir / "supervisord.pid").read_text())

    def pids(self, name: str) -> list[int]:
        """Processes that supervisord has started as `name`, the newest last."""
        lines = self.log("supervisord").splitlines()
        return [int(line.rpartition(" ")[2]) for line in lines if f"spawned: '{name}' with pid" in line]

    def end(self) -> None:
        """Leave nothing behind, whatever the test has done."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)


def session(leader: int) -> list[int]:
    """The processes of a session: supervisord and all that it has started."""
    found = []
    for pid in map(int, subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, check=True).stdout.split()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    # A folder whose name is too long for sockets, and has a space.
    runner = Runner(tmp_path_factory.mktemp("run") / ("a long name " + "x" * 80))
    try:
        yield runner.ready()
    finally:
        runner.end()


def ask(runner: Runner, path: str) -> Any:
    with DIRECT.open(runner.url + path, timeout=10) as answer:
        return json.load(answer)


def upload(runner: Runner) -> str:
    """Send a picture; return the path at which the gateway tells of it."""
    picture = io.BytesIO()
    Image.new("RGB", (32, 16), "teal").save(picture, "PNG")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    request = urllib.request.Request(
        f"{runner.url}/upload/api/images",
        data=head + picture.getvalue() + b"\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    with DIRECT.open(request, timeout=20) as answer:
        assert answer.status == 202
        return str(json.load(answer)["images"][0]["url"])


def results(runner: Runner, url: str) -> set[str]:
    return {state["status"] for state in ask(runner, url)["operations"].values()}


def test_says_what_to_open(suite: Runner) -> None:
    eventually(lambda: "Ctrl-C" in suite.output)
    for part in (f"{suite.url}/upload/", f"localhost:{suite.env['KAFKA_PORT']}", f"{suite.run_dir}/log/", "forgets"):
        assert part in suite.output
    assert f"{suite.run_dir}/data" in suite.output


def test_a_picture_comes_back_from_every_worker(suite: Runner) -> None:
    url = upload(suite)
    eventually(lambda: results(suite, url) == {"done"})
    assert list((suite.run_dir / "data/processed").glob("*/*.png"))


def test_start_page_and_shared_files(suite: Runner) -> None:
    for path, kind in (("/", "text/html"), ("/base.css", "text/css"), ("/favicon.svg", "image/svg")):
        with DIRECT.open(suite.url + path, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith(kind)
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_a_service_that_is_away_is_a_problem(suite: Runner) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(suite, "/status/kafdrop")
    assert caught.value.code == 503
    assert caught.value.headers["Content-Type"] == "application/problem+json"
    assert json.load(caught.value).keys() == {"type", "title", "status", "detail"}


def test_make_up_waits_for_the_gateway_and_says_what_to_open(suite: Runner) -> None:
    script = RUNNER.with_name("up.py")
    up = [sys.executable, script, "true"]  # in the place of `docker compose`
    answer = subprocess.run(up, env=os.environ | suite.env, capture_output=True, text=True, check=True)
    assert f"{suite.url}/upload/" in answer.stdout


def test_a_worker_that_is_killed_comes_back(suite: Runner) -> None:
    os.kill(suite.pids("rotate-worker")[-1], signal.SIGKILL)
    eventually(lambda: "rotate-worker ended and was started again" in suite.output)
    url = upload(suite)
    eventually(lambda: results(suite, url) == {"done"}, 60)
    assert suite.process.poll() is None


def test_a_second_run_in_the_folder_is_told(suite: Runner) -> None:
    second = Runner(suite.run_dir)
    assert second.status() == 1
    assert "already runs" in second.output


@pytest.mark.parametrize("name", ["GATEWAY_PORT", "KAFKA_PORT"])
def test_a_port_in_use_is_named(suite: Runner, tmp_path: Path, name: str) -> None:
    second = Runner(tmp_path / "run", **{name: suite.env[name]})
    assert second.status() == 1
    assert second.output.count("\n") == 1
    assert name in second.output
    assert suite.env[name] in second.output


def test_sigterm_stops_all_of_it(suite: Runner) -> None:
    leader = suite.supervisor()
    with DIRECT.open(f"{suite.url}/upload/api/events", timeout=10):  # a stream is open
        assert len(session(leader)) > 5
        started = time.monotonic()
        suite.process.terminate()
        assert suite.status(15) == 0
    assert time.monotonic() - started < 10
    assert session(leader) == []


@pytest.mark.parametrize(("name", "value"), [("KAFKA_PARTITIONS", "x"), ("ROTATE_DEGREES", "45"), ("KAFKA_PORT", "y")])
def test_a_wrong_setting_is_named(tmp_path: Path, name: str, value: str) -> None:
    runner = Runner(tmp_path / "run", **{name: value})
    try:
        assert runner.status(60) == 1
        assert name in runner.output
    finally:
        runner.end()


def test_what_a_killed_runner_leaves_is_stopped_and_a_broker_that_dies_stops_all(tmp_path: Path) -> None:
    killed = Runner(tmp_path / "run").ready()
    leader = killed.supervisor()
    killed.process.kill()
    killed.status()
    assert session(leader)
    runner = Runner(tmp_path / "run", GATEWAY_PORT=killed.env["GATEWAY_PORT"], KAFKA_PORT=killed.env["KAFKA_PORT"])
    try:
        runner.ready()
        assert session(leader) == []

        leader = runner.supervisor()
        os.kill(runner.pids("broker")[-1], signal.SIGKILL)
        assert runner.status() == 1
        assert "broker has died" in runner.output
        assert session(leader) == []
    finally:
        runner.end()
