"""What the API shows: lists, pictures, files, events, health."""

import json
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pytest
from bus import ImageUploaded
from image_upload.app import _tell
from web import streams

IMAGES = "/upload/api/images"


def is_problem(answer: Any, status: int, sentence: str) -> None:
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert sentence in json.loads(answer.data)["detail"]


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.data
    return [image["original_name"] for image in answer.get_json()["images"]]


def filled(bench: Any, made: Any, number: int) -> list[dict[str, Any]]:
    """As many pictures, named 0, 1, … in the order of their coming."""
    return [bench.accepted((str(n), made.picture()))[0] for n in range(number)]


# Lists.


def test_an_empty_store_is_an_empty_list(bench: Any) -> None:
    assert bench.client.get(IMAGES).get_json() == {"images": []}


def test_the_newest_come_first_fifty_of_them(bench: Any, made: Any) -> None:
    filled(bench, made, 53)
    assert names(bench.client.get(IMAGES)) == [str(number) for number in range(52, 2, -1)]
    assert names(bench.client.get(f"{IMAGES}?limit=200")) == [str(number) for number in range(52, -1, -1)]


def test_pages_follow_one_another_without_gap_or_double(bench: Any, made: Any) -> None:
    filled(bench, made, 7)
    seen: list[str] = []
    before = ""
    while page := bench.client.get(f"{IMAGES}?limit=3{before}").get_json()["images"]:
        seen += [image["original_name"] for image in page]
        before = f"&before={page[-1]['id']}"
        bench.accepted(("late", made.picture()))
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]


def test_before_an_image_that_is_not_there_is_nothing(bench: Any, made: Any) -> None:
    filled(bench, made, 2)
    for before in ("nobody", "../0", "%00", ""):
        assert names(bench.client.get(f"{IMAGES}?before={before}")) == []


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "", "1.5", "1e2", "9" * 5000, "²"])
def test_a_limit_that_is_none_is_told(bench: Any, limit: str) -> None:
    is_problem(bench.client.get(IMAGES, query_string={"limit": limit}), 400, "from 1 to 200")
    portuguese = bench.client.get(IMAGES, query_string={"limit": limit, "lang": "pt-BR"})
    is_problem(portuguese, 400, "entre 1 e 200")


# One picture.


def test_a_picture_tells_how_far_its_operations_are(bench: Any, made: Any) -> None:
    (image,) = bench.accepted(("perfil.jpg", made.picture("JPEG")))
    url = f"{IMAGES}/{image['id']}"
    pending = {"status": "pending", "url": None, "reason": None}
    shown = bench.client.get(url).get_json()
    assert shown["timestamp"] == json.loads(bench.producer.published[0].value)["timestamp"]
    assert shown | {"timestamp": 0} == {
        "id": image["id"],
        "new_file": image["new_file"],
        "original_name": "perfil.jpg",
        "timestamp": 0,
        "url": url,
        "operations": {"rotate": pending, "grayscale": pending, "caption": pending},
    }
    bench.finish(image, "rotate", made.picture("JPEG", seed=1))
    bench.parts.store.write_reason("grayscale", image["new_file"], "A imagem está danificada.", "damaged")
    assert bench.client.get(url).get_json()["operations"] == {
        "rotate": {"status": "done", "url": f"{url}/rotate", "reason": None},
        "grayscale": {"status": "failed", "url": None, "reason": "A imagem está danificada."},
        "caption": pending,
    }
    assert bench.client.get(IMAGES).get_json() == {"images": [bench.client.get(url).get_json()]}


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
def test_a_picture_that_is_not_there_is_a_problem(bench: Any, id: str, end: str, lang: str) -> None:
    answer = bench.client.get(f"{IMAGES}/{id}{end}", headers={"Accept-Language": lang})
    is_problem(answer, 404, "." if lang == "en" else "ão")
    assert b"root:" not in answer.data


@pytest.mark.parametrize("which", ["nothing", "rotate", "sepia", "..", "original.json", "%00"])
def test_a_file_that_is_not_there_is_a_problem(bench: Any, made: Any, which: str) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    is_problem(bench.client.get(f"{image['url']}/{which}"), 404, "There is no")


# Files.


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_file_comes_as_what_it_is_and_can_do_no_harm(bench: Any, made: Any, form: str) -> None:
    data, result = made.picture(form), made.picture(form, seed=1)
    (image,) = bench.accepted(("página.html", data))
    bench.finish(image, "rotate", result)
    extension = image["new_file"].rpartition(".")[2]
    for which, content, name in (("original", data, "página"), ("rotate", result, "página_rotate")):
        answer = bench.client.get(f"{image['url']}/{which}")
        assert answer.data == content
        assert answer.mimetype == f"image/{form.lower()}"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        encoded = f"{name}.{extension}".replace("á", "%C3%A1")
        assert f"filename*=UTF-8''{encoded}" in answer.headers["Content-Disposition"]
        assert "\n" not in answer.headers["Content-Disposition"]


def test_a_file_that_one_has_is_not_sent_again(bench: Any, made: Any) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    first = bench.client.get(f"{image['url']}/original")
    again = bench.client.get(f"{image['url']}/original", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert bench.client.get(f"{image['url']}/original", headers=since).status_code == 304
    other = bench.client.get(f"{image['url']}/original", headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.data) == (200, first.data)


def test_a_part_of_a_file_can_be_asked_for(bench: Any, made: Any) -> None:
    data = made.picture()
    (image,) = bench.accepted(("a.png", data))
    answer = bench.client.get(f"{image['url']}/original", headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.data) == (206, data[10:20])
    assert answer.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    beyond = bench.client.get(f"{image['url']}/original", headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond.mimetype) == (416, "application/problem+json")


def test_asking_for_the_head_alone_sends_no_body(bench: Any, made: Any) -> None:
    data = made.picture()
    (image,) = bench.accepted(("a.png", data))
    answer = bench.client.head(f"{image['url']}/original")
    assert (answer.data, answer.headers["Content-Length"]) == (b"", str(len(data)))


# Events.


@dataclass
class Record:
    """What the application looks at in a record."""

    value: bytes | None


class Listener:
    """Someone who follows the event stream."""

    def __init__(self, bench: Any):
        answer = bench.client.get("/upload/api/events", buffered=False)
        assert answer.mimetype == "text/event-stream"
        self._chunks = iter(answer.response)

    def next(self) -> dict[str, Any]:
        """The next event, pings and the like passed over."""
        for chunk in islice(self._chunks, 200):  # pings of ten seconds
            lines = dict(line.partition(": ")[::2] for line in chunk.decode().splitlines() if line[:1].isalpha())
            if "data" in lines:
                assert lines["event"] == "image"
                found: dict[str, Any] = json.loads(lines["data"])
                return found
        raise AssertionError("the stream has ended, or is silent")


@pytest.fixture
def _quick_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)


@pytest.mark.usefixtures("_quick_pings")
def test_a_stream_begins_with_the_newest_fifty_and_goes_on_with_changes(bench: Any, made: Any) -> None:
    images = filled(bench, made, 52)
    listener = Listener(bench)
    present = [listener.next() for _ in range(50)]
    assert [image["original_name"] for image in present] == [str(number) for number in range(2, 52)]
    assert present[-1] == bench.client.get(images[-1]["url"]).get_json()

    oldest = images[0]
    bench.finish(oldest, "grayscale", made.picture())
    event = ImageUploaded(new_file=oldest["new_file"]).finished("grayscale", "processed/grayscale/x.png")
    _tell(bench.parts, "notification", Record(event.encoded().value.encode()))
    heard = listener.next()
    assert heard == bench.client.get(oldest["url"]).get_json()
    assert heard["operations"]["grayscale"]["status"] == "done"


@pytest.mark.usefixtures("_quick_pings")
def test_records_that_say_nothing_are_passed_over(bench: Any, made: Any) -> None:
    (image,) = bench.accepted(("a.png", made.picture()))
    listener = Listener(bench)
    assert listener.next()["id"] == image["id"]
    for value in (None, b"", b"no json", b"{}", b"[]", b'{"new_file": ""}', b'{"new_file": "../../etc/passwd"}',
                  b'{"new_file": "nobody.png"}', b'{"new_file": "a\\u0000.png"}', b"\xff"):  # fmt: skip
        _tell(bench.parts, "image", Record(value))
        _tell(bench.parts, "notification", Record(value))
    _tell(bench.parts, "image", Record(json.dumps({"new_file": image["new_file"]}).encode()))
    assert listener.next() == bench.client.get(image["url"]).get_json()


# Health and groups.


def test_ready_with_broker_and_store(bench: Any) -> None:
    answer = bench.client.get("/upload/readyz")
    assert (answer.status_code, answer.get_json()["status"]) == (200, "ok")


def test_not_ready_without_a_broker(bench: Any) -> None:
    bench.cluster.away = "no broker answers at broker:29092"
    answer = bench.client.get("/upload/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"broker": False, "store": True}
    assert "broker:29092" in answer.get_json()["reason"]
    assert bench.client.get("/upload/healthz").status_code == 200


def test_not_ready_without_a_store(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(bench.parts.store, "writable", fails)
    answer = bench.client.get("/upload/readyz")
    assert answer.status_code == 503
    assert "store: " in answer.get_json()["reason"]
    assert "Read-only file system" in answer.get_json()["reason"]


def test_a_store_that_was_emptied_is_made_again(bench: Any, made: Any) -> None:
    for folder in sorted(bench.root.rglob("*"), reverse=True):
        folder.rmdir()
    assert bench.client.get("/upload/readyz").status_code == 200
    bench.accepted(("a.png", made.picture()))


def test_groups_tell_how_many_work(bench: Any) -> None:
    bench.cluster.there = {"rotate-worker": 2}
    groups = bench.client.get("/upload/api/groups").get_json()["groups"]
    assert groups["rotate-worker"] == {"members": 2}
    assert groups["grayscale-worker"] == {"members": 0}
