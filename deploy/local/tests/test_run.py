"""`make run`: startup, use, failures and shutdown."""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
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
    """A `make run` process; `output` is what it has printed."""

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
        eventually(lambda: "Ready" in self.output or self.process.poll() is not None, 330)  # run.py gives up at 300
        assert self.process.poll() is None, self.output
        return self

    def status(self, seconds: float = 60) -> int:
        """Wait for its exit, at most `seconds`; returns its status."""
        return self.process.wait(seconds)

    def log(self, name: str) -> str:
        return (self.run_dir / "log" / f"{name}.log").read_text()

    def supervisor(self) -> int:
        return int((self.run_dir / "supervisord.pid").read_text())

    def pids(self, name: str) -> list[int]:
        """The ids of the processes that supervisord has started as `name`, the newest last."""
        lines = self.log("supervisord").splitlines()
        return [int(line.rpartition(" ")[2]) for line in lines if f"spawned: '{name}' with pid" in line]

    def stop(self) -> None:
        """Stop it if it is still running."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def session(leader: int) -> list[int]:
    """The processes of a session: supervisord and its children."""
    found = []
    for pid in map(int, subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, check=True).stdout.split()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    # The path of the folder is too long for sockets, and contains spaces.
    runner = Runner(tmp_path_factory.mktemp("run") / ("a long name " + "x" * 80))
    try:
        yield runner.ready()
    finally:
        runner.stop()


def get_json(runner: Runner, path: str) -> Any:
    with DIRECT.open(runner.url + path, timeout=60) as response:
        return json.load(response)


def upload(runner: Runner) -> str:
    """Upload a picture; returns the path of its resource."""
    picture = io.BytesIO()
    Image.new("RGB", (32, 16), "teal").save(picture, "PNG")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    request = urllib.request.Request(
        f"{runner.url}/upload/api/images",
        data=head + picture.getvalue() + b"\r\n--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    with DIRECT.open(request, timeout=60) as response:
        assert response.status == 202
        return str(json.load(response)["images"][0]["url"])


def results(runner: Runner, url: str) -> set[str]:
    return {state["status"] for state in get_json(runner, url)["operations"].values()}


def test_it_prints_the_links(suite: Runner) -> None:
    eventually(lambda: "Ctrl-C" in suite.output)
    for part in (f"{suite.url}/upload/", f"localhost:{suite.env['KAFKA_PORT']}", f"{suite.run_dir}/log/", "forgets"):
        assert part in suite.output
    assert f"{suite.run_dir}/data" in suite.output


def test_every_worker_processes_a_picture(suite: Runner) -> None:
    url = upload(suite)
    eventually(lambda: results(suite, url) == {"done"})
    assert list((suite.run_dir / "data/processed").glob("*/*.png"))


def test_start_page_and_shared_files(suite: Runner) -> None:
    for path, kind in (("/index.html", "text/html"), ("/base.css", "text/css"), ("/favicon.svg", "image/svg")):
        with DIRECT.open(suite.url + path, timeout=10) as response:
            assert response.headers["Content-Type"].startswith(kind)
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


def test_a_service_that_is_not_running_is_a_problem(suite: Runner) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get_json(suite, "/status/kafdrop")
    assert caught.value.code == 503
    assert caught.value.headers["Content-Type"] == "application/problem+json"
    assert json.load(caught.value).keys() == {"type", "title", "status", "detail"}


def test_make_up_waits_for_the_gateway_and_prints_the_links(suite: Runner) -> None:
    script = RUNNER.with_name("up.py")
    up = [sys.executable, script, "true"]  # instead of `docker compose`
    response = subprocess.run(up, env=os.environ | suite.env, capture_output=True, text=True, check=True)
    assert f"{suite.url}/upload/" in response.stdout


def test_a_killed_worker_is_restarted(suite: Runner) -> None:
    os.kill(suite.pids("rotate-worker")[-1], signal.SIGKILL)
    eventually(lambda: "rotate-worker exited and was restarted" in suite.output)
    url = upload(suite)
    eventually(lambda: results(suite, url) == {"done"})
    assert suite.process.poll() is None


def test_a_worker_that_keeps_failing_is_restarted_with_pauses_and_the_rest_stays_up(suite: Runner) -> None:
    def keeps_failing() -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.kill(suite.pids("caption-worker")[-1], signal.SIGKILL)
        return "caption-worker keeps failing" in suite.output

    eventually(keeps_failing, 180, every=0.5)
    assert get_json(suite, "/upload/readyz")
    assert get_json(suite, "/chat/readyz")
    assert suite.output.count("caption-worker keeps failing") == 1
    url = upload(suite)
    eventually(lambda: results(suite, url) == {"done"}, 90)
    assert suite.process.poll() is None


def test_a_second_run_in_the_same_folder_is_refused(suite: Runner) -> None:
    second = Runner(suite.run_dir)
    assert second.status() == 1
    assert "already runs" in second.output


@pytest.mark.parametrize("name", ["GATEWAY_PORT", "KAFKA_PORT"])
def test_a_port_that_another_program_holds_on_ipv6_is_reported(tmp_path: Path, name: str) -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        runner = Runner(tmp_path / "run", **{name: port})
        assert runner.status() == 1
    assert runner.output.count("\n") == 1
    for part in (name, port, "::1"):
        assert part in runner.output


@pytest.mark.parametrize("name", ["GATEWAY_PORT", "KAFKA_PORT"])
def test_a_port_in_use_is_reported(suite: Runner, tmp_path: Path, name: str) -> None:
    second = Runner(tmp_path / "run", **{name: suite.env[name]})
    assert second.status() == 1
    assert second.output.count("\n") == 1
    assert name in second.output
    assert suite.env[name] in second.output


def test_sigterm_stops_everything(suite: Runner) -> None:
    leader = suite.supervisor()
    with DIRECT.open(f"{suite.url}/upload/api/events", timeout=60):  # a stream is open
        assert len(session(leader)) > 5
        suite.process.terminate()
        assert suite.status() == 0
    assert session(leader) == []


@pytest.mark.parametrize(("name", "value"), [("KAFKA_PARTITIONS", "x"), ("ROTATE_DEGREES", "45"), ("KAFKA_PORT", "y")])
def test_a_wrong_setting_is_reported(tmp_path: Path, name: str, value: str) -> None:
    runner = Runner(tmp_path / "run", **{name: value})
    try:
        assert runner.status(120) == 1
        assert name in runner.output
    finally:
        runner.stop()


def test_leftovers_of_a_killed_run_are_stopped_and_a_dead_broker_stops_everything(tmp_path: Path) -> None:
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
        runner.stop()
