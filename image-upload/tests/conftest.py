"""The application around fakes: without a broker or child processes, with a real store in a temporary folder."""

import random
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bus.producer import Outgoing
from events.catalogue import consumers
from image_upload.api import Backend
from image_upload.app import make_app
from image_upload.previews import Previews, preview_in_child
from image_upload.settings import UploadSettings
from image_upload.upload_check import check_in_child
from pictures import Refused, Store
from PIL import Image
from web import Hub, WebApp, limiter

IMAGES = "/upload/api/images"


class FakeChecker:
    """Checks in this process as a child process does."""

    def __init__(self, megabytes: int, megapixels: int):
        self._limits = {"megabytes": megabytes, "megapixels": megapixels}

    def extension(self, path: str) -> str:
        response = check_in_child({"path": path, "limits": self._limits})
        if "refused" in response:
            raise Refused.from_json(response["refused"])
        return str(response["extension"])


@dataclass
class FakeChildren:
    """Creates previews in this process as a child process does; raises `failure` if a test sets it."""

    requests: list[Any] = field(default_factory=list)
    failure: Exception | None = None

    def call(self, request: Any, _seconds: float) -> Any:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        return preview_in_child(request)


@dataclass
class FakeProducer:
    """Publishes into a list. If a test sets `failure`, raises it: before publishing, or after if `published_anyway`."""

    published: list[Outgoing] = field(default_factory=list)
    failure: Exception | None = None
    published_anyway: bool = False

    def publish(self, records: Iterable[Outgoing]) -> None:
        if self.failure and not self.published_anyway:
            raise self.failure
        self.published += records
        if self.failure:
            raise self.failure


@dataclass
class FakeCluster:
    unavailable: str | None = None
    failure: Exception | None = None
    member_counts: dict[str, int] = field(default_factory=dict)

    def problem(self) -> str | None:
        return self.unavailable

    def members(self) -> dict[str, int]:
        if self.failure:
            raise self.failure
        return {service: self.member_counts.get(service, 0) for service in sorted(consumers())}


@dataclass
class Harness:
    """The application under test, its fakes, and shorthands for requests."""

    app: WebApp
    backend: Backend
    producer: FakeProducer
    cluster: FakeCluster
    preview_children: FakeChildren
    root: Path

    def __post_init__(self) -> None:
        self.client: Any = self.app.test_client()

    def send(self, *files: tuple[str, bytes], headers: dict[str, str] | None = None, **fields: str) -> Any:
        parts = [("file", (BytesIO(data), name)) for name, data in files]
        return self.client.post(IMAGES, data=fields | {"file": [part for _, part in parts]}, headers=headers)

    def send_raw(self, *parts: tuple[bytes, bytes], headers: dict[str, str] | None = None) -> Any:
        """Send a hand-written multipart request; each part is its raw headers and its body."""
        body = b"".join(b"--edge\r\n" + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + b"--edge--\r\n"
        return self.client.post(IMAGES, data=body, content_type="multipart/form-data; boundary=edge", headers=headers)

    def accepted(self, *files: tuple[str, bytes], **fields: str) -> list[dict[str, Any]]:
        """Send valid pictures; returns `images` of the response."""
        response = self.send(*files, **fields)
        assert response.status_code == 202, response.data
        images: list[dict[str, Any]] = response.get_json()["images"]
        return images

    def finish(self, image: dict[str, Any], operation: str, data: bytes) -> None:
        """Write a result into the store, as a worker does."""
        self.backend.store.write(self.backend.store.result_name(operation, image["new_file"]), data)

    def files(self) -> list[str]:
        """All files of the store, hidden ones included."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def is_empty(self) -> bool:
        return self.files() == [] and self.producer.published == []


@pytest.fixture
def make_harness(tmp_path: Path) -> Callable[..., Harness]:
    """Makes a harness with the given settings."""

    def make(**settings: Any) -> Harness:
        url = tmp_path.as_uri()
        wanted = UploadSettings(store_url=url, **{"max_upload_mb": 1, "max_megapixels": 2} | settings)
        producer, cluster = FakeProducer(), FakeCluster()
        store, preview_children = Store(url), FakeChildren()
        previews = Previews(store)
        previews._children = preview_children  # type: ignore[assignment]
        backend = Backend(
            settings=wanted,
            store=store,
            previews=previews,
            checker=FakeChecker(wanted.max_upload_mb, wanted.max_megapixels),  # type: ignore[arg-type]
            producer=producer,  # type: ignore[arg-type]
            cluster=cluster,  # type: ignore[arg-type]
            hub=Hub(),
        )
        harness = Harness(make_app(backend), backend, producer, cluster, preview_children, tmp_path)
        limiter.reset()
        return harness

    return make


@pytest.fixture
def harness(make_harness: Callable[..., Harness]) -> Harness:
    return make_harness()


def picture(form: str = "PNG", size: tuple[int, int] = (8, 6), seed: int = 0, **options: Any) -> bytes:
    """A picture with random pixels."""
    pixels = random.Random(seed).randbytes(size[0] * size[1] * 3)
    out = BytesIO()
    Image.frombytes("RGB", size, pixels).save(out, form, **options)
    return out.getvalue()


def bomb() -> bytes:
    """A decompression bomb: a PNG of 22 kB with 177 megapixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    side = 13_300
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(side * (1 + side // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def samples() -> Any:
    """Sample files: `samples.picture(...)`, `samples.bomb()`."""
    return type("Samples", (), {"picture": staticmethod(picture), "bomb": staticmethod(bomb)})
