"""The read side of the API: lists, pictures, files, events, health."""

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from events import ImageUploaded
from image_upload.app import _broadcast
from web import streams

IMAGES = "/upload/api/images"


def assert_problem(response: Any, status: int, sentence: str) -> None:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert sentence in json.loads(response.data)["detail"]


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.data
    return [image["original_name"] for image in response.get_json()["images"]]


def upload_pictures(harness: Any, samples: Any, number: int) -> list[dict[str, Any]]:
    """Upload that many pictures, named 0, 1, … in order."""
    return [harness.accepted((str(n), samples.picture()))[0] for n in range(number)]


# Lists.


def test_an_empty_store_is_an_empty_list(harness: Any) -> None:
    assert harness.client.get(IMAGES).get_json() == {"images": []}


def test_the_list_has_the_newest_fifty_first(harness: Any, samples: Any) -> None:
    upload_pictures(harness, samples, 53)
    assert names(harness.client.get(IMAGES)) == [str(number) for number in range(52, 2, -1)]
    assert names(harness.client.get(f"{IMAGES}?limit=200")) == [str(number) for number in range(52, -1, -1)]


def test_pagination_has_no_gaps_or_duplicates(harness: Any, samples: Any) -> None:
    upload_pictures(harness, samples, 7)
    seen: list[str] = []
    before = ""
    while page := harness.client.get(f"{IMAGES}?limit=3{before}").get_json()["images"]:
        seen += [image["original_name"] for image in page]
        before = f"&before={page[-1]['id']}"
        harness.accepted(("late", samples.picture()))
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_before_an_unknown_image_the_list_is_empty(harness: Any, samples: Any) -> None:
    upload_pictures(harness, samples, 2)
    for before in ("nobody", "../0", "%00", ""):
        assert names(harness.client.get(f"{IMAGES}?before={before}")) == []


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "", "1.5", "1e2", "9" * 5000, "²"])
def test_an_invalid_limit_is_400(harness: Any, limit: str) -> None:
    assert_problem(harness.client.get(IMAGES, query_string={"limit": limit}), 400, "from 1 to 200")
    portuguese = harness.client.get(IMAGES, query_string={"limit": limit, "lang": "pt-BR"})
    assert_problem(portuguese, 400, "entre 1 e 200")


# One picture.


def test_a_picture_has_the_status_of_its_operations(harness: Any, samples: Any) -> None:
    (image,) = harness.accepted(("perfil.jpg", samples.picture("JPEG")))
    url = f"{IMAGES}/{image['id']}"
    pending = {"status": "pending", "url": None, "reason": None}
    shown = harness.client.get(url).get_json()
    assert shown["timestamp"] == json.loads(harness.producer.published[0].value)["timestamp"]
    assert shown | {"timestamp": 0} == {
        "id": image["id"],
        "new_file": image["new_file"],
        "original_name": "perfil.jpg",
        "timestamp": 0,
        "url": url,
        "operations": {"rotate": pending, "grayscale": pending, "caption": pending},
    }
    harness.finish(image, "rotate", samples.picture("JPEG", seed=1))
    harness.backend.store.write_reason("grayscale", image["new_file"], "A imagem está danificada.", "damaged")
    assert harness.client.get(url).get_json()["operations"] == {
        "rotate": {"status": "done", "url": f"{url}/rotate", "reason": None},
        "grayscale": {"status": "failed", "url": None, "reason": "A imagem está danificada."},
        "caption": pending,
    }
    assert harness.client.get(IMAGES).get_json() == {"images": [harness.client.get(url).get_json()]}


HOSTILE = [
    "nobody",
    "..",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2fuploads",
    "%00",
    "a%00b",
    "..%5c..",
    "%ff",
    "a" * 3000,
    ".incoming",
]


@pytest.mark.parametrize("id", HOSTILE)
@pytest.mark.parametrize("end", ["", "/original", "/rotate"])
@pytest.mark.parametrize("lang", ["en", "pt-BR"])
def test_an_unknown_picture_is_404(harness: Any, id: str, end: str, lang: str) -> None:
    response = harness.client.get(f"{IMAGES}/{id}{end}", headers={"Accept-Language": lang})
    assert_problem(response, 404, "." if lang == "en" else "ão")
    assert b"root:" not in response.data


@pytest.mark.parametrize("which", ["nothing", "rotate", "sepia", "..", "original.json", "%00"])
def test_an_unknown_file_is_404(harness: Any, samples: Any, which: str) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    assert_problem(harness.client.get(f"{image['url']}/{which}"), 404, "There is no")


# Files.


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_file_has_its_media_type_and_security_headers(harness: Any, samples: Any, form: str) -> None:
    data, result = samples.picture(form), samples.picture(form, seed=1)
    (image,) = harness.accepted(("página.html", data))
    harness.finish(image, "rotate", result)
    extension = image["new_file"].rpartition(".")[2]
    for which, content, name in (("original", data, "página"), ("rotate", result, "página_rotate")):
        response = harness.client.get(f"{image['url']}/{which}")
        assert response.data == content
        assert response.mimetype == f"image/{form.lower()}"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        encoded = f"{name}.{extension}".replace("á", "%C3%A1")
        assert f"filename*=UTF-8''{encoded}" in response.headers["Content-Disposition"]
        assert "\n" not in response.headers["Content-Disposition"]


def test_a_cached_file_is_304(harness: Any, samples: Any) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    first = harness.client.get(f"{image['url']}/original")
    cached = harness.client.get(f"{image['url']}/original", headers={"If-None-Match": first.headers["ETag"]})
    assert (cached.status_code, cached.data) == (304, b"")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert harness.client.get(f"{image['url']}/original", headers=since).status_code == 304
    other = harness.client.get(f"{image['url']}/original", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.data) == (200, first.data)


def test_range_requests(harness: Any, samples: Any) -> None:
    data = samples.picture()
    (image,) = harness.accepted(("a.png", data))
    response = harness.client.get(f"{image['url']}/original", headers={"Range": "bytes=10-19"})
    assert (response.status_code, response.data) == (206, data[10:20])
    assert response.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    beyond = harness.client.get(f"{image['url']}/original", headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond.mimetype) == (416, "application/problem+json")


def test_head_requests_have_no_body(harness: Any, samples: Any) -> None:
    data = samples.picture()
    (image,) = harness.accepted(("a.png", data))
    response = harness.client.head(f"{image['url']}/original")
    assert (response.data, response.headers["Content-Length"]) == (b"", str(len(data)))


# Events.


@dataclass
class Record:
    """The part of a record that the application reads."""

    value: bytes | None


class Listener:
    """A client of the event stream."""

    def __init__(self, harness: Any):
        response = harness.client.get("/upload/api/events", buffered=False)
        assert response.mimetype == "text/event-stream"
        self._chunks = iter(response.response)

    def next(self) -> dict[str, Any]:
        """The next event, without pings."""
        for chunk in islice(self._chunks, 200):  # one ping each 50 ms: ten seconds
            lines = dict(line.partition(": ")[::2] for line in chunk.decode().splitlines() if line[:1].isalpha())
            if "data" in lines:
                assert lines["event"] == "image"
                found: dict[str, Any] = json.loads(lines["data"])
                return found
        raise AssertionError("the stream has ended, or sends only pings")


@pytest.fixture
def _quick_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)


@pytest.mark.usefixtures("_quick_pings")
def test_a_stream_starts_with_the_newest_fifty_and_continues_with_changes(harness: Any, samples: Any) -> None:
    images = upload_pictures(harness, samples, 52)
    listener = Listener(harness)
    snapshot = [listener.next() for _ in range(50)]
    assert [image["original_name"] for image in snapshot] == [str(number) for number in range(2, 52)]
    assert snapshot[-1] == harness.client.get(images[-1]["url"]).get_json()

    oldest = images[0]
    harness.finish(oldest, "grayscale", samples.picture())
    event = ImageUploaded(new_file=oldest["new_file"]).finished("grayscale", "processed/grayscale/x.png")
    _broadcast(harness.backend, "notification", Record(event.encoded().value.encode()))
    received = listener.next()
    assert received == harness.client.get(oldest["url"]).get_json()
    assert received["operations"]["grayscale"]["status"] == "done"


@pytest.mark.usefixtures("_quick_pings")
def test_malformed_records_are_ignored(harness: Any, samples: Any) -> None:
    (image,) = harness.accepted(("a.png", samples.picture()))
    listener = Listener(harness)
    assert listener.next()["id"] == image["id"]
    for value in (None, b"", b"no json", b"{}", b"[]", b'{"new_file": ""}', b'{"new_file": "../../etc/passwd"}',
                  b'{"new_file": "nobody.png"}', b'{"new_file": "a\\u0000.png"}', b"\xff"):  # fmt: skip
        _broadcast(harness.backend, "image", Record(value))
        _broadcast(harness.backend, "notification", Record(value))
    _broadcast(harness.backend, "image", Record(json.dumps({"new_file": image["new_file"]}).encode()))
    assert listener.next() == harness.client.get(image["url"]).get_json()


# Health and groups.


def test_ready_with_broker_and_store(harness: Any) -> None:
    response = harness.client.get("/upload/readyz")
    assert (response.status_code, response.get_json()["status"]) == (200, "ok")


def test_not_ready_without_a_broker(harness: Any) -> None:
    harness.cluster.unavailable = "no broker responds at broker:29092"
    response = harness.client.get("/upload/readyz")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"broker": False, "store": True}
    assert "broker:29092" in response.get_json()["reason"]
    assert harness.client.get("/upload/healthz").status_code == 200


def test_not_ready_without_a_store(harness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def raises() -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(harness.backend.store, "writable", raises)
    response = harness.client.get("/upload/readyz")
    assert response.status_code == 503
    assert "store: " in response.get_json()["reason"]
    assert "Read-only file system" in response.get_json()["reason"]


def test_a_store_that_was_emptied_is_recreated(harness: Any, samples: Any) -> None:
    for folder in sorted(harness.root.rglob("*"), reverse=True):
        folder.rmdir()
    assert harness.client.get("/upload/readyz").status_code == 200
    harness.accepted(("a.png", samples.picture()))


def test_groups_have_their_number_of_members(harness: Any) -> None:
    harness.cluster.member_counts = {"rotate-worker": 2}
    groups = harness.client.get("/upload/api/groups").get_json()["groups"]
    assert groups["rotate-worker"] == {"members": 2}
    assert groups["grayscale-worker"] == {"members": 0}
