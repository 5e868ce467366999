"""Previews: what they show, when they are created, and the errors if they cannot be."""

import errno
import json
import os
import signal
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from typing import Any

import pillow_heif
import pytest
from image_upload import previews as previews_module
from image_upload.previews import Previews
from pictures import Refused, Store, room
from PIL import Image
from sandbox import ChildDied, ChildTimedOut

pillow_heif.register_heif_opener()  # to save HEIC; the service itself only reads it


def opened(response: Any) -> Image.Image:
    assert response.status_code == 200, response.data
    assert response.mimetype == "image/webp"
    return Image.open(BytesIO(response.data))


def assert_problem(response: Any, status: int, code: str) -> None:
    assert response.status_code == status, response.data
    body = json.loads(response.data)
    assert (body["type"], body["status"]) == (f"urn:problem:{code}", status)
    assert body["detail"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"])
def test_a_preview_is_a_small_webp_of_the_file(harness: Any, samples: Any, form: str) -> None:
    (image,) = harness.accepted(("férias.dat", samples.picture(form, (900, 300), quality=40)))
    harness.finish(image, "rotate", samples.picture(form, (300, 900), quality=40))
    for which, name, size in (("original", "f%C3%A9rias", (480, 160)), ("rotate", "f%C3%A9rias_rotate", (160, 480))):
        response = harness.client.get(f"{image['url']}/{which}?width=480")
        assert opened(response).size == size
        assert f"filename*=UTF-8''{name}.webp" in response.headers["Content-Disposition"]
        whole = harness.client.get(f"{image['url']}/{which}")
        for header in ("Cache-Control", "Content-Security-Policy", "X-Content-Type-Options"):
            assert response.headers[header] == whole.headers[header]
        etag = {"If-None-Match": response.headers["ETag"]}
        assert harness.client.get(f"{image['url']}/{which}?width=480", headers=etag).status_code == 304
    assert opened(harness.client.get(f"{image['url']}/original?width=1600")).size == (900, 300)


def test_a_preview_is_created_once_cached_and_recreated_if_deleted(harness: Any, samples: Any) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    url, path = f"{image['url']}/original?width=480", f"previews/480/uploads/{image['new_file']}.webp"
    first = harness.client.get(url)
    assert path in harness.files()
    assert (harness.root / path).stat().st_mode & 0o777 == 0o644
    assert (harness.root / path).parent.stat().st_mode & 0o777 == 0o755
    assert harness.client.get(url).data == first.data
    assert len(harness.preview_children.requests) == 1
    (harness.root / path).unlink()
    assert harness.client.get(url).data == first.data
    assert len(harness.preview_children.requests) == 2


def test_a_replaced_result_gets_a_new_preview(harness: Any, samples: Any) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    url = f"{image['url']}/rotate?width=480"
    assert_problem(harness.client.get(url), 404, "no-such-file")
    harness.finish(image, "rotate", samples.picture(size=(10, 20)))
    assert opened(harness.client.get(url)).size == (10, 20)
    harness.finish(image, "rotate", samples.picture(size=(20, 10)))
    result = harness.root / harness.backend.store.result_name("rotate", image["new_file"])
    os.utime(result, ns=(result.stat().st_mtime_ns + 10**9,) * 2)  # even if the clock of the file system is coarse
    assert opened(harness.client.get(url)).size == (20, 10)


@pytest.mark.parametrize("width", ["", "0", "481", "-480", "480.0", "0480", "٤٨٠", "9" * 5000])
def test_only_two_widths_are_allowed(harness: Any, samples: Any, width: str) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    for lang in ("en", "pt-BR"):
        query, headers = {"width": width}, {"Accept-Language": lang}
        assert_problem(
            harness.client.get(f"{image['url']}/original", query_string=query, headers=headers), 400, "width"
        )
    assert harness.preview_children.requests == []


def test_a_preview_that_fails_is_422_and_leaves_no_files(harness: Any) -> None:
    (harness.root / "uploads/foreign.png").write_bytes(b"no picture")
    assert_problem(harness.client.get("/upload/api/images/foreign/original?width=480"), 422, "not-an-image")
    for failure, code in ((ChildDied("x", -signal.SIGSEGV), "failed"), (ChildTimedOut("x"), "timed-out")):
        harness.preview_children.failure = failure
        assert_problem(harness.client.get("/upload/api/images/foreign/original?width=480"), 422, code)
    assert harness.files() == ["uploads/foreign.png"]


def test_a_lack_of_resources_is_503_and_a_retry_succeeds(
    harness: Any, samples: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    url = f"{image['url']}/original?width=480"
    harness.preview_children.failure = ChildDied("x", -signal.SIGKILL)
    assert_problem(harness.client.get(url), 503, "busy")
    harness.preview_children.failure = None
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("locks")))
    with monkeypatch.context() as patch, room("image-upload", alone=True):
        patch.setattr(previews_module, "reserve_memory", partial(room, "image-upload", patience=0))
        assert_problem(harness.client.get(url), 503, "busy")
    assert harness.client.get(url).status_code == 200


def test_a_full_disk_is_507(harness: Any, samples: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))

    def full(*_args: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Store, "write", full)
    assert_problem(harness.client.get(f"{image['url']}/original?width=480"), 507, "store-full")


# In a child.


@pytest.fixture
def previews(harness: Any) -> Iterator[Previews]:
    previews = Previews(harness.backend.store)
    yield previews
    previews.stop()


def test_previews_are_created_in_a_child_that_survives_bad_files(
    harness: Any, samples: Any, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "open", lambda *_args, **_options: pytest.fail("opened in the web process"))
    uploads = harness.root / "uploads"
    (uploads / "good.png").write_bytes(samples.picture())
    (uploads / "bad.png").write_bytes(b"GIF89a")
    os.mkfifo(uploads / "slow.png")  # reading blocks until somebody writes
    with pytest.raises(Refused):
        previews.get("uploads/bad.png", 480)
    with monkeypatch.context() as patch:
        patch.setattr(previews_module, "TIMEOUT_SECONDS", 0.2)
        with pytest.raises(Refused, match="too long"):
            previews.get("uploads/slow.png", 480)
    with pytest.raises(Refused, match="no longer there"):
        previews.get("uploads/gone.png", 480)
    name = previews.get("uploads/good.png", 480)
    assert name == "previews/480/uploads/good.png.webp"
    assert (harness.root / name).read_bytes()[8:12] == b"WEBP"
