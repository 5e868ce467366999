"""Refused uploads: a sentence in the user's language, nothing stored, nothing published."""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from bus.producer import NotPublished
from events.services import OPERATIONS
from pictures import Store

IMAGES = "/upload/api/images"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def assert_problem(response: Any, status: int, code: str, sentence: str) -> None:
    assert response.status_code == status, response.data
    assert response.mimetype == "application/problem+json"
    body = json.loads(response.data)
    assert (body["type"], body["status"]) == (f"urn:problem:{code}", status)
    assert body["title"]
    assert sentence in body["detail"]


FILES: list[tuple[str, Callable[[Any], bytes], int, str, str, str]] = [
    ("text", lambda samples: b"hello", 415, "not-an-image", "is not a picture", "não é uma imagem"),
    ("empty", lambda samples: b"", 422, "empty", "The file is empty.", "O arquivo está vazio."),
    (
        "cut",
        lambda samples: samples.picture(size=(90, 90))[:9000],
        422,
        "truncated",
        "is incomplete",
        "está incompleta",
    ),
    ("head", lambda samples: samples.picture()[:20], 422, "truncated", "is incomplete", "está incompleta"),
    ("bomb", lambda samples: samples.bomb(), 422, "too-many-pixels", "176.9 megapixels", "176,9 megapixels"),
    (
        "pixels",
        lambda samples: samples.picture("JPEG", (2001, 1000), quality=5),
        422,
        "too-many-pixels",
        "limit",
        "limite",
    ),
    (
        "size",
        lambda samples: samples.picture() + b"\0" * 1_000_000,
        413,
        "too-large",
        "limit is 1 MB",
        "limite é de 1 MB",
    ),
    ("svg", lambda samples: SVG, 415, "unsupported-format", "of type SVG", "do tipo SVG"),
    ("html", lambda samples: HTML, 415, "unsupported-format", "of type HTML", "do tipo HTML"),
    ("pdf", lambda samples: b"%PDF-1.7 \0", 415, "unsupported-format", "of type PDF", "do tipo PDF"),
]


@pytest.mark.parametrize("case", FILES, ids=[row[0] for row in FILES])
def test_an_invalid_picture_is_refused_whatever_its_name(harness: Any, samples: Any, case: Any) -> None:
    _, make, status, code, english, portuguese = case
    for lang, sentence in (("en", english), ("pt-BR", portuguese)):
        response = harness.send(("foto.png", make(samples)), headers={"Accept-Language": lang})
        assert_problem(response, status, code, sentence)
        assert json.loads(response.data)["file"] == "foto.png"
    assert harness.is_empty()


def test_the_language_of_the_form_wins_over_that_of_the_browser(harness: Any) -> None:
    response = harness.send(("a.png", b"x"), headers={"Accept-Language": "en"}, lang="pt-BR")
    assert_problem(response, 415, "not-an-image", "não é uma imagem")


def test_one_bad_file_refuses_the_whole_request(harness: Any, samples: Any) -> None:
    for files in (
        [("good.png", samples.picture()), ("bad.png", b"x")],
        [("bad.png", b"x"), ("good.png", samples.picture())],
    ):
        response = harness.send(*files)
        assert_problem(response, 415, "not-an-image", "is not a picture")
        assert json.loads(response.data)["file"] == "bad.png"
        assert harness.is_empty()


PATH = ("contains a path", "contém um caminho")
BREAK = ("line breaks", "quebras de linha")
NONE = ("has no name", "não tem nome")
LONG = ("at most 255 characters", "no máximo 255 caracteres")
NAMES = {
    "up": (b'filename="../../etc/passwd"', PATH),
    "backslash": (b'filename="..\\\\..\\\\boot.ini"', PATH),
    "path of rfc 2231": (b"filename*=UTF-8''..%2F..%2Fx.png", PATH),
    "line break": (b"filename*=UTF-8''a%0D%0ABcc:x@evil.example", BREAK),
    "escaped line break": (b'filename="a%0ABcc: x.png"', BREAK),
    "continued": (b"filename*0*=UTF-8''a%0A; filename*1=b.png", BREAK),
    "line separator": (b"filename*=UTF-8''a%E2%80%A8b.png", BREAK),
    "nul": (b"filename*=UTF-8''a%00.png", BREAK),
    "raw nul": (b'filename="a\0.png"', BREAK),
    "escape": (b"filename*=UTF-8''a%1B%5B2Jb.png", BREAK),
    "dots": (b'filename=".."', NONE),
    "many dots": (b'filename=". . ..."', NONE),
    "blanks": (b'filename="   "', NONE),
    "long": (b'filename="' + b"a" * 296 + b'.png"', LONG),
}


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("case", NAMES)
def test_an_invalid_name_is_refused(harness: Any, samples: Any, case: str, lang: str) -> None:
    name, sentences = NAMES[case]
    head = b'Content-Disposition: form-data; name="file"; ' + name + b"\r\nContent-Type: image/png"
    response = harness.send_raw((head, samples.picture()), headers={"Accept-Language": lang})
    assert_problem(response, 400, "name", sentences[lang == "pt-BR"])
    assert harness.is_empty()


@pytest.mark.parametrize("name", [b'filename="a\r\nX-Evil: 1.png"', b'filename="a\n.png"', b'filename="a\r.png"'])
def test_a_raw_line_break_in_a_name_is_refused(harness: Any, samples: Any, name: bytes) -> None:
    head = b'Content-Disposition: form-data; name="file"; ' + name + b"\r\nContent-Type: image/png"
    response = harness.send_raw((head, samples.picture()))
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    assert harness.is_empty()


EMAIL = ("e-mail address", "endereço de e-mail")
TELEGRAM = ("Telegram id", "ID do Telegram")
LANG = ("must be pt-BR or en", "deve ser pt-BR ou en")
FIELDS = [
    ("email", "ana@exemplo.com,bia@exemplo.com", EMAIL),
    ("email", "ana@exemplo.com; bia@exemplo.com", EMAIL),
    ("email", "ana@exemplo.com\r\nBcc: todos@exemplo.com", EMAIL),
    ("email", "ana@exemplo.com\nbia@exemplo.com", EMAIL),
    ("email", "ana", EMAIL),
    ("email", "ana@", EMAIL),
    ("email", "@exemplo.com", EMAIL),
    ("email", "Ana <ana@exemplo.com>", EMAIL),
    ("email", "ana@exemplo.com\0", EMAIL),
    ("email", "a" * 300 + "@exemplo.com", EMAIL),
    ("telegram_id", "doze", TELEGRAM),
    ("telegram_id", "1;2", TELEGRAM),
    ("telegram_id", "12\n13", TELEGRAM),
    ("telegram_id", "1" * 21, TELEGRAM),
    ("telegram_id", "../getMe", TELEGRAM),
    ("telegram_id", "１２", TELEGRAM),
    ("lang", "fr", LANG),
    ("lang", "pt", LANG),
    ("lang", "EN", LANG),
]


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("case", FIELDS)
def test_an_invalid_field_is_refused(harness: Any, samples: Any, case: Any, lang: str) -> None:
    name, value, sentences = case
    response = harness.send(("a.png", samples.picture()), headers={"Accept-Language": lang}, **{name: value})
    assert_problem(response, 400, name.replace("_", "-"), sentences[lang == "pt-BR"])
    assert harness.is_empty()


MISSING = ('The field "file" is missing', 'Falta o campo "file"')


@pytest.mark.parametrize(("lang", "sentence"), [("en", MISSING[0]), ("pt-BR", MISSING[1])])
def test_a_request_without_a_file_is_refused(harness: Any, samples: Any, lang: str, sentence: str) -> None:
    headers = {"Accept-Language": lang}
    plain = (b'Content-Disposition: form-data; name="file"', samples.picture())
    other = (b'Content-Disposition: form-data; name="foto"; filename="a.png"', samples.picture())
    torn = (b"Content-Disposition: form-data; name=file; filename*=UTF-8''a; filename*0=b", samples.picture())
    responses = [
        harness.send(headers=headers),
        harness.send(headers=headers, file="a.png"),
        harness.send_raw(plain, headers=headers),
        harness.send_raw(other, headers=headers),
        harness.send_raw(torn, headers=headers),
        harness.client.post(IMAGES, headers=headers),
        harness.client.post(IMAGES, json={"file": "a.png"}, headers=headers),
        harness.client.post(IMAGES, data=samples.picture(), content_type="image/png", headers=headers),
    ]
    for response in responses:
        assert_problem(response, 400, "missing-field", sentence)
    assert harness.is_empty()


def test_a_request_above_the_size_limit_is_refused_before_it_is_read(harness: Any) -> None:
    size = harness.backend.settings.max_request_bytes + 1
    response = harness.send(("a.png", bytes(size)))
    assert_problem(response, 413, "request-entity-too-large", "The request is too large.")
    assert harness.is_empty()


def test_too_many_form_parts_are_refused(harness: Any, samples: Any) -> None:
    response = harness.send(*[("a.png", samples.picture())] * 101)
    assert_problem(response, 413, "request-entity-too-large", "The request is too large.")
    assert harness.is_empty()


def test_a_truncated_body_leaves_no_files(harness: Any, samples: Any) -> None:
    body = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + samples.picture()
    response = harness.client.post(IMAGES, data=body, content_type="multipart/form-data; boundary=edge")
    assert_problem(response, 400, "missing-field", "is missing")
    assert harness.is_empty()


# Rate limits.


def test_above_its_rate_limit_a_client_gets_retry_after_and_others_are_served(make_harness: Any, samples: Any) -> None:
    harness = make_harness(uploads_per_minute=2)
    first, second = harness.send(("1.png", samples.picture())), harness.send(("2.png", samples.picture()))
    assert (first.status_code, second.status_code) == (202, 202)
    assert "Retry-After" not in first.headers
    kept = harness.files()
    for lang, sentence in (("en", "Too many requests"), ("pt-BR", "Muitas requisições")):
        response = harness.send(("3.png", samples.picture()), headers={"Accept-Language": lang})
        assert_problem(response, 429, "too-many-requests", sentence)
        assert 1 <= int(response.headers["Retry-After"]) <= 61
    assert harness.files() == kept
    assert len(harness.producer.published) == 2
    other = harness.send(("3.png", samples.picture()), headers={"X-Forwarded-For": "203.0.113.9"})
    assert other.status_code == 202


def test_the_rate_limit_counts_files_not_requests(make_harness: Any, samples: Any) -> None:
    harness = make_harness(uploads_per_minute=3)
    three = [(f"{number}.png", samples.picture()) for number in range(3)]
    assert harness.send(*three).status_code == 202
    assert harness.send(three[0]).status_code == 429


def test_reading_does_not_count_towards_the_rate_limit(make_harness: Any, samples: Any) -> None:
    harness = make_harness(uploads_per_minute=1)
    assert [harness.client.get(IMAGES).status_code for _ in range(5)] == [200] * 5
    assert harness.send(("a.png", samples.picture())).status_code == 202


def test_notifications_are_limited_per_recipient_across_clients(make_harness: Any, samples: Any) -> None:
    harness = make_harness(notifications_per_hour=2 * len(OPERATIONS))
    one = ("a.png", samples.picture())

    def status(client: str, **fields: str) -> int:
        return int(harness.send(one, headers={"X-Forwarded-For": client}, **fields).status_code)

    assert [status(f"203.0.113.{number}", email="ana@example.org") for number in range(3)] == [202, 202, 429]
    assert status("203.0.113.8", email="ANA@example.org ") == 429
    assert status("203.0.113.8", email="bia@example.org") == 202
    assert status("203.0.113.9", telegram_id="42") == 202
    assert status("203.0.113.1") == 202  # uploads without a recipient are not limited


def test_spellings_of_one_recipient_share_a_limit(make_harness: Any, samples: Any) -> None:
    harness = make_harness(notifications_per_hour=len(OPERATIONS))
    one = ("a.png", samples.picture())
    clients = (f"203.0.113.{number}" for number in range(100))

    def status(**fields: str) -> int:
        return int(harness.send(one, headers={"X-Forwarded-For": next(clients)}, **fields).status_code)

    spellings = ["ana@example.org", "ana@\uff45xample.org", "ANA@EXAMPLE.org"]
    assert [status(email=spelling) for spelling in spellings] == [202, 429, 429]
    assert [status(email=spelling) for spelling in ("ana@praça.org", "ana@xn--praa-2oa.org")] == [202, 429]
    assert [status(telegram_id=spelling) for spelling in ("42", "0042", "042 ")] == [202, 429, 429]
    assert [status(telegram_id=spelling) for spelling in ("@canal", "@Canal")] == [202, 429]
    assert [status(email="nobody") for _ in range(2)] == [400, 400]


def test_notifications_are_limited_per_client_across_recipients(make_harness: Any, samples: Any) -> None:
    harness = make_harness(notifications_per_hour=2 * len(OPERATIONS))
    one = ("a.png", samples.picture())
    assert [harness.send(one, email=f"{name}@example.org").status_code for name in "abc"] == [202, 202, 429]
    assert harness.send(one, email="nobody").status_code == 429
    kept = harness.files()
    for lang, sentence in (("en", "Too many notifications"), ("pt-BR", "notificações")):
        response = harness.send(one, email="d@example.org", headers={"Accept-Language": lang})
        assert_problem(response, 429, "too-many-messages", sentence)
        assert 61 < int(response.headers["Retry-After"]) <= 3_601
    assert harness.files() == kept


def test_a_refused_upload_does_not_count_towards_the_notification_limit(make_harness: Any, samples: Any) -> None:
    harness = make_harness(notifications_per_hour=len(OPERATIONS))
    assert [harness.send(("a.png", b"no"), email="a@example.org").status_code for _ in range(3)] == [415] * 3
    assert harness.send(("a.png", samples.picture()), email="a@example.org").status_code == 202


# Failing dependencies.


@pytest.mark.parametrize(
    ("lang", "sentence"), [("en", "Kafka is not responding"), ("pt-BR", "O Kafka não está respondendo")]
)
def test_without_a_broker_nothing_is_stored_and_a_retry_succeeds(
    harness: Any, samples: Any, lang: str, sentence: str
) -> None:
    harness.cluster.unavailable = "no broker responds"
    response = harness.send(
        ("a.png", samples.picture()), ("b.png", samples.picture()), headers={"Accept-Language": lang}
    )
    assert_problem(response, 503, "broker-away", sentence)
    assert int(response.headers["Retry-After"]) > 0
    assert harness.is_empty()
    harness.cluster.unavailable = None
    harness.accepted(("a.png", samples.picture()))


@pytest.mark.parametrize(("lang", "sentence"), [("en", "but it may have"), ("pt-BR", "pode ser que a tenha recebido")])
def test_a_picture_stays_if_its_event_may_have_been_published(
    harness: Any, samples: Any, lang: str, sentence: str
) -> None:
    """The workers find the pictures of events that were published after all."""
    harness.producer.failure, harness.producer.published_anyway = NotPublished("no acknowledgement in time"), True
    response = harness.send(
        ("a.png", samples.picture()), ("b.png", samples.picture()), headers={"Accept-Language": lang}
    )
    assert_problem(response, 503, "broker-away", sentence)
    assert int(response.headers["Retry-After"]) > 0
    published = [json.loads(record.value)["new_file"] for record in harness.producer.published]
    assert len(published) == 2
    assert {path for path in harness.files() if path.endswith(".png")} == {f"uploads/{name}" for name in published}


KEY = {"Idempotency-Key": "0f3a5c1e9d7b42688c55a1d0e2f4b697"}


@pytest.mark.parametrize("published_anyway", [True, False])
def test_a_repeated_request_is_the_same_upload(harness: Any, samples: Any, published_anyway: bool) -> None:
    """The page repeats requests. The `ce_id` is the same, so workers and notifier recognise the duplicate."""
    files = [("a.png", samples.picture()), ("b.png", samples.picture("JPEG", seed=1))]
    harness.producer.failure, harness.producer.published_anyway = (
        NotPublished("no acknowledgement in time"),
        published_anyway,
    )
    assert harness.send(*files, headers=KEY, email="ana@example.org").status_code == 503
    first, kept = [*harness.producer.published], harness.files()
    assert len(kept) == 4
    harness.cluster.unavailable = "no broker responds"
    assert harness.send(*files, headers=KEY, email="ana@example.org").status_code == 503
    assert harness.files() == kept  # the first request may have been published
    harness.cluster.unavailable = harness.producer.failure = None
    response = harness.send(*files, headers=KEY, email="ana@example.org")
    assert response.status_code == 202
    repeated = harness.producer.published[len(first) :]
    assert harness.files() == kept
    assert [f"uploads/{image['new_file']}" in kept for image in response.get_json()["images"]] == [True, True]
    assert len({record.key for record in repeated}) == 2
    if published_anyway:
        assert [(record.key, record.value) for record in repeated] == [(record.key, record.value) for record in first]
        assert [dict(record.headers)["ce_id"] for record in repeated] == [dict(r.headers)["ce_id"] for r in first]


def test_another_key_is_another_upload_and_other_recipients_another_event(harness: Any, samples: Any) -> None:
    one = ("a.png", samples.picture())
    others = [KEY, {"Idempotency-Key": "f" * 16}, None, None]
    ids = [harness.send(one, headers=headers).get_json()["images"][0]["id"] for headers in others]
    assert len(set(ids)) == 4
    assert harness.send(one, headers=KEY, email="ana@example.org").get_json()["images"][0]["id"] == ids[0]
    first, *_others, corrected = [dict(record.headers)["ce_id"] for record in harness.producer.published]
    assert first != corrected


def test_a_key_cannot_be_reused_for_another_picture(harness: Any, samples: Any) -> None:
    """Otherwise a client that reuses a key would silently lose pictures."""
    assert harness.send(("a.png", samples.picture()), headers=KEY).status_code == 202
    kept, published = harness.files(), len(harness.producer.published)
    response = harness.send(("a.png", samples.picture(seed=1)), ("b.png", samples.picture()), headers=KEY)
    assert_problem(response, 422, "idempotency-key", "already been used for another picture")
    assert (harness.files(), len(harness.producer.published)) == (kept, published)


@pytest.mark.parametrize("same", [True, False], ids=["the same picture", "another picture"])
@pytest.mark.parametrize("fails", [False, True])
def test_two_requests_with_one_key_at_the_same_moment(
    harness: Any, samples: Any, monkeypatch: pytest.MonkeyPatch, same: bool, fails: bool
) -> None:
    """The second begins while the first stores its picture; the first then `fails`, or not."""
    accept, first_stores, second_asks, answers = Store.accept, threading.Event(), threading.Event(), []
    upload = Store.upload

    def slow(store: Store, *arguments: Any) -> str:
        if first_stores.is_set():
            return accept(store, *arguments)
        first_stores.set()
        new_file = accept(store, *arguments)
        second_asks.wait(0.5)  # without a lock it finds nothing, and stores its own
        if fails:
            store.remove_upload(new_file)
            raise OSError(errno.ENOSPC, "No space left on device")
        return new_file

    def looks(store: Store, *arguments: Any) -> Any:
        if first_stores.is_set():
            second_asks.set()
        return upload(store, *arguments)

    monkeypatch.setattr(Store, "accept", slow)
    monkeypatch.setattr(Store, "upload", looks)

    def send(seed: int) -> None:
        client = harness.app.test_client()
        data = {"file": (BytesIO(samples.picture(seed=seed)), "a.png")}
        answers.append(client.post(IMAGES, data=data, headers=KEY))

    first = threading.Thread(target=send, args=[0])
    first.start()
    assert first_stores.wait(30)
    send(0 if same else 1)
    first.join(30)
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == ([202, 507] if fails else [202, 202] if same else [202, 422])
    pictures = [path for path in harness.files() if path.endswith(".png")]
    published = {json.loads(record.value)["new_file"] for record in harness.producer.published}
    assert pictures == [f"uploads/{name}" for name in published]
    stored = (harness.root / pictures[0]).read_bytes()
    assert stored == samples.picture(seed=1 if fails and not same else 0)
    assert not list((harness.root / ".incoming").iterdir())


@pytest.mark.parametrize("key", ["", "1", "x" * 15, "x" * 201, "a key with spaces in it"])
def test_a_malformed_key_is_refused(harness: Any, samples: Any, key: str) -> None:
    response = harness.send(("a.png", samples.picture()), headers={"Idempotency-Key": key})
    assert_problem(response, 400, "idempotency-key", "16 to 200 visible ASCII characters")
    assert harness.is_empty()


def test_an_unexpected_error_leaks_no_internals(harness: Any, samples: Any) -> None:
    harness.producer.failure = RuntimeError("bug with the password hunter2")
    response = harness.send(("a.png", samples.picture()))
    assert_problem(response, 500, "internal", "Something went wrong on our side")
    assert b"hunter2" not in response.data


BROKEN = [
    (errno.ENOSPC, 507, "store-full", ("There is no space left", "Não há espaço")),
    (errno.EROFS, 503, "store-fails", ("Pictures cannot be stored", "Não é possível armazenar")),
    (errno.EIO, 503, "store-fails", ("Pictures cannot be stored", "Não é possível armazenar")),
]


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("where", ["incoming", "accept"])
def test_a_failing_store_has_a_problem_of_its_own(
    harness: Any, samples: Any, monkeypatch: pytest.MonkeyPatch, where: str, case: Any
) -> None:
    number, status, code, sentences = case

    def raises(*_args: Any) -> None:
        raise OSError(number, os.strerror(number), str(harness.root / "secret-place"))

    monkeypatch.setattr(Store, where, raises)
    for lang, sentence in zip(("en", "pt-BR"), sentences, strict=True):
        response = harness.send(("a.png", samples.picture()), headers={"Accept-Language": lang})
        assert_problem(response, status, code, sentence)
        assert int(response.headers["Retry-After"]) > 0
        assert b"secret-place" not in response.data
    monkeypatch.undo()
    assert harness.is_empty()


@pytest.mark.parametrize("size", [10, 100_000], ids=["small", "larger than the buffer"])
def test_a_full_disk_is_told_whatever_the_size(
    harness: Any, samples: Any, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A small file is written when it is flushed, and once more when it is closed."""

    @contextmanager
    def full(_store: Store) -> Iterator[Any]:
        with open("/dev/full", "wb") as file:
            yield file

    monkeypatch.setattr(Store, "incoming", full)
    for lang, sentence in (("en", "There is no space left"), ("pt-BR", "Não há espaço")):
        response = harness.send(("a.png", bytes(size)), headers={"Accept-Language": lang})
        assert_problem(response, 507, "store-full", sentence)
        assert int(response.headers["Retry-After"]) > 0
    monkeypatch.undo()
    assert harness.is_empty()


def test_if_the_second_file_cannot_be_stored_the_first_is_removed(
    harness: Any, samples: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, pictures = os.replace, []

    def full(source: Any, target: Any) -> None:
        if Path(target).suffix == ".png":
            pictures.append(target)
        if len(pictures) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("pictures.store.os.replace", full)
    response = harness.send(("a.png", samples.picture()), ("b.png", samples.picture()))
    assert_problem(response, 507, "store-full", "There is no space left")
    monkeypatch.undo()
    assert len(pictures) == 2
    assert harness.is_empty()


def test_cross_site_uploads_are_rejected(harness: Any, samples: Any) -> None:
    response = harness.send(("a.png", samples.picture()), headers={"Origin": "http://evil.example"})
    assert_problem(response, 403, "cross-site", "Requests from other sites")
    assert harness.is_empty()
