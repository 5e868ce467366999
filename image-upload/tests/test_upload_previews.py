"""Small pictures: what is shown of a file, when it is made anew, and what is told where it cannot be made."""

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
from bus.children import ChildDied, ChildTimedOut
from image_upload import previewing
from image_upload.previewing import Previews
from pictures import Refused, Store, room
from PIL import Image

pillow_heif.register_heif_opener()  # to save HEIC; the service itself only reads it


def opened(answer: Any) -> Image.Image:
    assert answer.status_code == 200, answer.data
    assert answer.mimetype == "image/webp"
    return Image.open(BytesIO(answer.data))


def is_problem(answer: Any, status: int, code: str) -> None:
    assert answer.status_code == status, answer.data
    body = json.loads(answer.data)
    assert (body["type"], body["status"]) == (f"urn:problem:{code}", status)
    assert body["detail"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"])
def test_a_preview_is_a_small_webp_of_the_file(bench: Any, made: Any, form: str) -> None:
    (image,) = bench.accepted(("férias.dat", made.picture(form, (900, 300), quality=40)))
    bench.finish(image, "rotate", made.picture(form, (300, 900), quality=40))
    for which, name, size in (("original", "f%C3%A9rias", (480, 160)), ("rotate", "f%C3%A9rias_rotate", (160, 480))):
        answer = bench.client.get(f"{image['url']}/{which}?width=480")
        assert opened(answer).size == size
        assert f"filename*=UTF-8''{name}.webp" in answer.headers["Content-Disposition"]
        whole = bench.client.get(f"{image['url']}/{which}")
        for header in ("Cache-Control", "Content-Security-Policy", "X-Content-Type-Options"):
            assert answer.headers[header] == whole.headers[header]
        etag = {"If-None-Match": answer.headers["ETag"]}
        assert bench.client.get(f"{image['url']}/{which}?width=480", headers=etag).status_code == 304
    assert opened(bench.client.get(f"{image['url']}/original?width=1600")).size == (900, 300)


def test_a_preview_is_made_once_kept_in_the_store_and_made_again_where_it_is_lost(bench: Any, made: Any) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    url, kept = f"{image['url']}/original?width=480", f"previews/480/uploads/{image['new_file']}.webp"
    first = bench.client.get(url)
    assert kept in bench.files()
    assert (bench.root / kept).stat().st_mode & 0o777 == 0o644
    assert (bench.root / kept).parent.stat().st_mode & 0o777 == 0o755
    assert bench.client.get(url).data == first.data
    assert len(bench.previewing.requests) == 1
    (bench.root / kept).unlink()
    assert bench.client.get(url).data == first.data
    assert len(bench.previewing.requests) == 2


def test_a_result_that_was_replaced_has_a_new_preview(bench: Any, made: Any) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    url = f"{image['url']}/rotate?width=480"
    is_problem(bench.client.get(url), 404, "no-such-file")
    bench.finish(image, "rotate", made.picture(size=(10, 20)))
    assert opened(bench.client.get(url)).size == (10, 20)
    bench.finish(image, "rotate", made.picture(size=(20, 10)))
    result = bench.root / bench.parts.store.result_name("rotate", image["new_file"])
    os.utime(result, ns=(result.stat().st_mtime_ns + 10**9,) * 2)  # a clock that counts coarsely
    assert opened(bench.client.get(url)).size == (20, 10)


@pytest.mark.parametrize("width", ["", "0", "481", "-480", "480.0", "0480", "٤٨٠", "9" * 5000])
def test_only_two_widths_are_made(bench: Any, made: Any, width: str) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    for lang in ("en", "pt-BR"):
        query, headers = {"width": width}, {"Accept-Language": lang}
        is_problem(bench.client.get(f"{image['url']}/original", query_string=query, headers=headers), 400, "width")
    assert bench.previewing.requests == []


def test_what_cannot_be_shown_small_is_told_and_leaves_nothing(bench: Any) -> None:
    (bench.root / "uploads/foreign.png").write_bytes(b"no picture")
    is_problem(bench.client.get("/upload/api/images/foreign/original?width=480"), 422, "not-an-image")
    for failure, code in ((ChildDied("x", -signal.SIGSEGV), "failed"), (ChildTimedOut("x"), "timed-out")):
        bench.previewing.failure = failure
        is_problem(bench.client.get("/upload/api/images/foreign/original?width=480"), 422, code)
    assert bench.files() == ["uploads/foreign.png"]


def test_what_cannot_be_made_for_the_moment_may_be_asked_for_again(
    bench: Any, made: Any, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    url = f"{image['url']}/original?width=480"
    bench.previewing.failure = ChildDied("x", -signal.SIGKILL)
    is_problem(bench.client.get(url), 503, "busy")
    bench.previewing.failure = None
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("locks")))
    with monkeypatch.context() as patch, room("image-upload", alone=True):
        patch.setattr(previewing, "in_room", partial(room, "image-upload", patience=0))
        is_problem(bench.client.get(url), 503, "busy")
    assert bench.client.get(url).status_code == 200


def test_a_full_disk_is_told_as_one(bench: Any, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))

    def full(*_args: Any) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Store, "write", full)
    is_problem(bench.client.get(f"{image['url']}/original?width=480"), 507, "store-full")


# In a child.


@pytest.fixture
def previews(bench: Any) -> Iterator[Previews]:
    previews = Previews(bench.parts.store)
    yield previews
    previews.stop()


def test_hostile_bytes_are_opened_in_a_child_and_the_next_is_served(
    bench: Any, made: Any, previews: Previews, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "open", lambda *_args, **_options: pytest.fail("opened in the web process"))
    uploads = bench.root / "uploads"
    (uploads / "good.png").write_bytes(made.picture())
    (uploads / "bad.png").write_bytes(b"GIF89a")
    os.mkfifo(uploads / "slow.png")  # reading it lasts until somebody writes
    with pytest.raises(Refused):
        previews.of("uploads/bad.png", 480)
    with monkeypatch.context() as patch:
        patch.setattr(previewing, "SECONDS", 0.2)
        with pytest.raises(Refused, match="too long"):
            previews.of("uploads/slow.png", 480)
    with pytest.raises(Refused, match="no longer there"):
        previews.of("uploads/gone.png", 480)
    name = previews.of("uploads/good.png", 480)
    assert name == "previews/480/uploads/good.png.webp"
    assert (bench.root / name).read_bytes()[8:12] == b"WEBP"
