"""Models from the hub are downloaded once, then loaded without a network. The hub is a fake server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import torch
from safetensors.torch import load_file

COMMIT = hashlib.sha1(b"the only one").hexdigest()
NAME = "someone/tiny"


class Hub(ThreadingHTTPServer):
    """Serves the files of one model, and records the requested paths."""

    def __init__(self, folder: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.requested: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.requested.append(path)
        files = sorted(file for file in self.server.folder.iterdir())
        if path in (f"/api/models/{NAME}", f"/api/models/{NAME}/revision/main"):
            siblings = [{"rfilename": file.name} for file in files]
            self.send_json({"_id": "1", "id": NAME, "modelId": NAME, "sha": COMMIT, "siblings": siblings, "tags": []})
        elif path.startswith(f"/api/models/{NAME}/tree/"):
            self.send_json([{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": etag(f)} for f in files])
        elif path.startswith(f"/{NAME}/resolve/"):
            file = self.server.folder / path.rpartition("/")[2]
            if file.is_file():
                self.send(file.read_bytes(), {"ETag": f'"{etag(file)}"', "X-Repo-Commit": COMMIT})
            else:
                self.send(b"", {"X-Error-Code": "EntryNotFound"}, 404)
        else:
            self.send(b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"}, 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send_json(self, content: object) -> None:
        self.send(json.dumps(content).encode(), {"Content-Type": "application/json"})

    def send(self, body: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        pass


def etag(file: Path) -> str:
    content = file.read_bytes()
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@pytest.fixture
def hub(tiny_model: Path) -> Iterator[Hub]:
    server = Hub(tiny_model)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def run(*arguments: str, home: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home)}
    env.pop("HF_HUB_OFFLINE", None)
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True, text=True, check=False)


LOAD_MODEL = f"from sentiment_consumer.model import Model; print(Model('{NAME}')(['não chegou'])[0])"


def test_a_downloaded_model_needs_no_hub(hub: Hub, tmp_path: Path) -> None:
    first = run("-c", LOAD_MODEL, home=tmp_path, endpoint=hub.url)
    assert first.returncode == 0, first.stderr
    assert f"/{NAME}/resolve/{COMMIT}/model.safetensors" in hub.requested
    requested = len(hub.requested)
    repeated = run("-c", LOAD_MODEL, home=tmp_path, endpoint=hub.url)
    assert (repeated.returncode, repeated.stdout) == (0, first.stdout)
    assert len(hub.requested) == requested
    hub.shutdown()
    offline = run("-c", LOAD_MODEL, home=tmp_path, endpoint="http://127.0.0.1:1")
    assert (offline.returncode, offline.stdout) == (0, first.stdout)


def test_downloaded_legacy_weights_need_no_hub(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "older"
    shutil.copytree(hub.folder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    hub.folder = folder
    first = run("-c", LOAD_MODEL, home=tmp_path, endpoint=hub.url)
    assert first.returncode == 0, first.stderr
    offline = run("-c", LOAD_MODEL, home=tmp_path, endpoint="http://127.0.0.1:1")
    assert (offline.returncode, offline.stdout) == (0, first.stdout)


def test_a_partial_download_is_completed(hub: Hub, tmp_path: Path) -> None:
    assert run("-c", LOAD_MODEL, home=tmp_path, endpoint=hub.url).returncode == 0
    (weights,) = (tmp_path / "hub").glob("models--*/snapshots/*/model.safetensors")
    weights.resolve().unlink()
    weights.unlink()
    repeated = run("-c", LOAD_MODEL, home=tmp_path, endpoint=hub.url)
    assert repeated.returncode == 0, repeated.stderr
    assert weights.is_file()


def test_a_build_downloads_the_model_into_a_folder(hub: Hub, tmp_path: Path) -> None:
    built = run("-m", "sentiment_consumer.fetch", NAME, str(tmp_path / "model"), home=tmp_path, endpoint=hub.url)
    assert built.returncode == 0, built.stderr
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "model").iterdir()}
    assert modes["model.safetensors"] == 0o644, "the service runs as another user than the build"
    assert set(modes.values()) == {0o644}
    requested = len(hub.requested)
    read = run("-c", LOAD_MODEL.replace(NAME, str(tmp_path / "model")), home=tmp_path / "none", endpoint=hub.url)
    assert read.returncode == 0, read.stderr
    assert len(hub.requested) == requested


def test_a_build_fails_with_one_line_for_an_unusable_model(hub: Hub, tmp_path: Path) -> None:
    built = run("-m", "sentiment_consumer.fetch", "no/body", str(tmp_path / "model"), home=tmp_path, endpoint=hub.url)
    assert built.returncode == 78
    (line,) = built.stderr.strip().splitlines()
    assert line.startswith("wrong setting: SENTIMENT_MODEL: no/body")
