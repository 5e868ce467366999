"""The application around fakes: no broker, no child processes; a real store in a folder of its own."""

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
from bus.topics import consumers
from image_upload.api import Parts
from image_upload.app import make_app
from image_upload.checking import check_request
from image_upload.previewing import Previews, preview_request
from image_upload.settings import UploadSettings
from pictures import Refused, Store
from PIL import Image
from web import Hub, Web, limiter

IMAGES = "/upload/api/images"


class FakeChecker:
    """Checks as the child does, without a child."""

    def __init__(self, megabytes: int, megapixels: int):
        self._limits = {"megabytes": megabytes, "megapixels": megapixels}

    def extension(self, path: str) -> str:
        answer = check_request({"path": path, "limits": self._limits})
        if "refused" in answer:
            raise Refused.from_json(answer["refused"])
        return str(answer["extension"])


@dataclass
class FakeChildren:
    """Make previews as a child does, without one."""

    requests: list[Any] = field(default_factory=list)
    failure: Exception | None = None

    def call(self, request: Any, _seconds: float) -> Any:
        self.requests.append(request)
        if self.failure:
            raise self.failure
        return preview_request(request)


@dataclass
class FakeProducer:
    """Publishes into a list; with `failure` what it raises, where `late` after the records have gone all the same."""

    published: list[Outgoing] = field(default_factory=list)
    failure: Exception | None = None
    late: bool = False

    def publish(self, records: Iterable[Outgoing]) -> None:
        if self.failure and not self.late:
            raise self.failure
        self.published += records
        if self.failure:
            raise self.failure


@dataclass
class FakeCluster:
    away: str | None = None
    failure: Exception | None = None
    there: dict[str, int] = field(default_factory=dict)

    def problem(self) -> str | None:
        return self.away

    def members(self) -> dict[str, int]:
        if self.failure:
            raise self.failure
        return {service: self.there.get(service, 0) for service in sorted(consumers())}


@dataclass
class Bench:
    """The application, what it stands on, and shorthands for asking it."""

    app: Web
    parts: Parts
    producer: FakeProducer
    cluster: FakeCluster
    previewing: FakeChildren
    root: Path

    def __post_init__(self) -> None:
        self.client: Any = self.app.test_client()

    def send(self, *files: tuple[str, bytes], headers: dict[str, str] | None = None, **fields: str) -> Any:
        parts = [("file", (BytesIO(data), name)) for name, data in files]
        return self.client.post(IMAGES, data=fields | {"file": [part for _, part in parts]}, headers=headers)

    def send_raw(self, *parts: tuple[bytes, bytes], headers: dict[str, str] | None = None) -> Any:
        """A multipart request as a hostile client writes it: of each part the headers and the body."""
        body = b"".join(b"--edge\r\n" + head + b"\r\n\r\n" + data + b"\r\n" for head, data in parts) + b"--edge--\r\n"
        return self.client.post(IMAGES, data=body, content_type="multipart/form-data; boundary=edge", headers=headers)

    def accepted(self, *files: tuple[str, bytes], **fields: str) -> list[dict[str, Any]]:
        """Send pictures that are good; `images` of the answer."""
        answer = self.send(*files, **fields)
        assert answer.status_code == 202, answer.data
        images: list[dict[str, Any]] = answer.get_json()["images"]
        return images

    def finish(self, image: dict[str, Any], operation: str, data: bytes) -> None:
        """Put a result into the store, as a worker does."""
        self.parts.store.write(self.parts.store.result_name(operation, image["new_file"]), data)

    def files(self) -> list[str]:
        """Every file of the store, also those that are hidden."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def holds_nothing(self) -> bool:
        return self.files() == [] and self.producer.published == []


@pytest.fixture
def make_bench(tmp_path: Path) -> Callable[..., Bench]:
    """Makes a bench with the settings that the test wants."""

    def make(**settings: Any) -> Bench:
        url = tmp_path.as_uri()
        wanted = UploadSettings(store_url=url, **{"max_upload_mb": 1, "max_megapixels": 2} | settings)
        producer, cluster = FakeProducer(), FakeCluster()
        store, previewing = Store(url), FakeChildren()
        previews = Previews(store)
        previews._children = previewing  # type: ignore[assignment]
        parts = Parts(
            settings=wanted,
            store=store,
            previews=previews,
            checker=FakeChecker(wanted.max_upload_mb, wanted.max_megapixels),  # type: ignore[arg-type]
            producer=producer,  # type: ignore[arg-type]
            cluster=cluster,  # type: ignore[arg-type]
            hub=Hub(),
        )
        bench = Bench(make_app(parts), parts, producer, cluster, previewing, tmp_path)
        limiter.reset()
        return bench

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


def picture(form: str = "PNG", size: tuple[int, int] = (8, 6), seed: int = 0, **options: Any) -> bytes:
    """A picture of noise."""
    pixels = random.Random(seed).randbytes(size[0] * size[1] * 3)
    out = BytesIO()
    Image.frombytes("RGB", size, pixels).save(out, form, **options)
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of 22 kB with 177 megapixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    side = 13_300
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = zlib.compress(bytes(side * (1 + side // 8 + 1)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.fixture(scope="session")
def made() -> Any:
    """How tests make pictures: `made.picture(...)`, `made.bomb()`."""
    return type("made", (), {"picture": staticmethod(picture), "bomb": staticmethod(bomb)})
