"""Bad uploads: a sentence in the person's language, nothing stored, nothing published."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bus.producer import NotPublished
from pictures import OPERATIONS, Store

IMAGES = "/upload/api/images"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def is_problem(answer: Any, status: int, code: str, sentence: str) -> None:
    assert answer.status_code == status, answer.data
    assert answer.mimetype == "application/problem+json"
    body = json.loads(answer.data)
    assert (body["type"], body["status"]) == (f"urn:problem:{code}", status)
    assert body["title"]
    assert sentence in body["detail"]


FILES: list[tuple[str, Callable[[Any], bytes], int, str, str, str]] = [
    ("text", lambda made: b"hello", 415, "not-an-image", "is not a picture", "não é uma imagem"),
    ("empty", lambda made: b"", 422, "empty", "The file is empty.", "O arquivo está vazio."),
    ("cut", lambda made: made.picture(size=(90, 90))[:9000], 422, "truncated", "is incomplete", "está incompleta"),
    ("head", lambda made: made.picture()[:20], 422, "truncated", "is incomplete", "está incompleta"),
    ("bomb", lambda made: made.bomb(), 422, "too-many-pixels", "176.9 megapixels", "176,9 megapixels"),
    ("pixels", lambda made: made.picture("JPEG", (2001, 1000), quality=5), 422, "too-many-pixels", "limit", "limite"),
    ("size", lambda made: made.picture() + b"\0" * 1_000_000, 413, "too-large", "limit is 1 MB", "limite é de 1 MB"),
    ("svg", lambda made: SVG, 415, "unsupported-format", "of type SVG", "do tipo SVG"),
    ("html", lambda made: HTML, 415, "unsupported-format", "of type HTML", "do tipo HTML"),
    ("pdf", lambda made: b"%PDF-1.7 \0", 415, "unsupported-format", "of type PDF", "do tipo PDF"),
]


@pytest.mark.parametrize("case", FILES, ids=[row[0] for row in FILES])
def test_what_is_no_good_picture_is_refused_whatever_it_calls_itself(bench: Any, made: Any, case: Any) -> None:
    _, make, status, code, english, portuguese = case
    for lang, sentence in (("en", english), ("pt-BR", portuguese)):
        answer = bench.send(("foto.png", make(made)), headers={"Accept-Language": lang})
        is_problem(answer, status, code, sentence)
        assert json.loads(answer.data)["file"] == "foto.png"
    assert bench.holds_nothing()


def test_the_language_of_the_form_decides_over_that_of_the_browser(bench: Any) -> None:
    answer = bench.send(("a.png", b"x"), headers={"Accept-Language": "en"}, lang="pt-BR")
    is_problem(answer, 415, "not-an-image", "não é uma imagem")


def test_of_two_files_one_bad_one_refuses_both(bench: Any, made: Any) -> None:
    for files in ([("good.png", made.picture()), ("bad.png", b"x")], [("bad.png", b"x"), ("good.png", made.picture())]):
        answer = bench.send(*files)
        is_problem(answer, 415, "not-an-image", "is not a picture")
        assert json.loads(answer.data)["file"] == "bad.png"
        assert bench.holds_nothing()


PATH = ("contains a path", "contém um caminho")
BREAK = ("line breaks", "quebras de linha")
NONE = ("has no name", "não tem nome")
LONG = ("at most 255 characters", "no máximo 255 caracteres")
NAMES = {
    "up": (b'filename="../../etc/passwd"', PATH),
    "root": (b'filename="/etc/passwd"', PATH),
    "backslash": (b'filename="..\\\\..\\\\boot.ini"', PATH),
    "one backslash": (b"filename*=UTF-8''a%5Cb.png", PATH),
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
def test_a_name_that_is_none_is_refused(bench: Any, made: Any, case: str, lang: str) -> None:
    name, sentences = NAMES[case]
    head = b'Content-Disposition: form-data; name="file"; ' + name + b"\r\nContent-Type: image/png"
    answer = bench.send_raw((head, made.picture()), headers={"Accept-Language": lang})
    is_problem(answer, 400, "name", sentences[lang == "pt-BR"])
    assert bench.holds_nothing()


@pytest.mark.parametrize("name", [b'filename="a\r\nX-Evil: 1.png"', b'filename="a\n.png"', b'filename="a\r.png"'])
def test_a_raw_line_break_in_a_name_goes_nowhere(bench: Any, made: Any, name: bytes) -> None:
    head = b'Content-Disposition: form-data; name="file"; ' + name + b"\r\nContent-Type: image/png"
    answer = bench.send_raw((head, made.picture()))
    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"
    assert bench.holds_nothing()


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
def test_a_field_that_is_wrong_is_told_in_a_sentence(bench: Any, made: Any, case: Any, lang: str) -> None:
    name, value, sentences = case
    answer = bench.send(("a.png", made.picture()), headers={"Accept-Language": lang}, **{name: value})
    is_problem(answer, 400, name.replace("_", "-"), sentences[lang == "pt-BR"])
    assert bench.holds_nothing()


MISSING = ('The field "file" is missing', 'Falta o campo "file"')


@pytest.mark.parametrize(("lang", "sentence"), [("en", MISSING[0]), ("pt-BR", MISSING[1])])
def test_without_a_file_the_field_is_named(bench: Any, made: Any, lang: str, sentence: str) -> None:
    headers = {"Accept-Language": lang}
    plain = (b'Content-Disposition: form-data; name="file"', made.picture())
    other = (b'Content-Disposition: form-data; name="foto"; filename="a.png"', made.picture())
    answers = [
        bench.send(headers=headers),
        bench.send(headers=headers, file="a.png"),
        bench.send_raw(plain, headers=headers),
        bench.send_raw(other, headers=headers),
        bench.client.post(IMAGES, headers=headers),
        bench.client.post(IMAGES, json={"file": "a.png"}, headers=headers),
        bench.client.post(IMAGES, data=made.picture(), content_type="image/png", headers=headers),
    ]
    for answer in answers:
        is_problem(answer, 400, "missing-field", sentence)
    assert bench.holds_nothing()


def test_a_request_larger_than_all_its_files_may_be_is_refused_before_it_is_read(bench: Any) -> None:
    size = bench.parts.settings.max_request_bytes + 1
    answer = bench.send(("a.png", bytes(size)))
    is_problem(answer, 413, "request-entity-too-large", "The request is too large.")
    assert bench.holds_nothing()


def test_more_parts_than_anybody_needs_are_refused(bench: Any, made: Any) -> None:
    answer = bench.send(*[("a.png", made.picture())] * 101)
    is_problem(answer, 413, "request-entity-too-large", "The request is too large.")
    assert bench.holds_nothing()


def test_a_body_that_ends_in_the_middle_leaves_nothing(bench: Any, made: Any) -> None:
    body = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + made.picture()
    answer = bench.client.post(IMAGES, data=body, content_type="multipart/form-data; boundary=edge")
    is_problem(answer, 400, "missing-field", "is missing")
    assert bench.holds_nothing()


# Too many.


def test_past_the_limit_a_client_is_told_when_to_come_back_and_another_is_served(make_bench: Any, made: Any) -> None:
    bench = make_bench(uploads_per_minute=2)
    first, second = bench.send(("1.png", made.picture())), bench.send(("2.png", made.picture()))
    assert (first.status_code, second.status_code) == (202, 202)
    assert "Retry-After" not in first.headers
    kept = bench.files()
    for lang, sentence in (("en", "Too many requests"), ("pt-BR", "Muitas requisições")):
        answer = bench.send(("3.png", made.picture()), headers={"Accept-Language": lang})
        is_problem(answer, 429, "too-many-requests", sentence)
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert bench.files() == kept
    assert len(bench.producer.published) == 2
    other = bench.send(("3.png", made.picture()), headers={"X-Forwarded-For": "203.0.113.9"})
    assert other.status_code == 202


def test_the_limit_counts_files_not_requests(make_bench: Any, made: Any) -> None:
    bench = make_bench(uploads_per_minute=3)
    three = [(f"{number}.png", made.picture()) for number in range(3)]
    assert bench.send(*three).status_code == 202
    assert bench.send(three[0]).status_code == 429


def test_looking_costs_nothing_of_the_limit(make_bench: Any, made: Any) -> None:
    bench = make_bench(uploads_per_minute=1)
    assert [bench.client.get(IMAGES).status_code for _ in range(5)] == [200] * 5
    assert bench.send(("a.png", made.picture())).status_code == 202


def test_messages_are_limited_per_address_whoever_asks_for_them(make_bench: Any, made: Any) -> None:
    bench = make_bench(notifications_per_hour=2 * len(OPERATIONS))
    one = ("a.png", made.picture())

    def status(client: str, **fields: str) -> int:
        return int(bench.send(one, headers={"X-Forwarded-For": client}, **fields).status_code)

    assert [status(f"203.0.113.{number}", email="ana@example.org") for number in range(3)] == [202, 202, 429]
    assert status("203.0.113.8", email="ANA@example.org ") == 429
    assert status("203.0.113.8", email="bia@example.org") == 202
    assert status("203.0.113.9", telegram_id="42") == 202
    assert status("203.0.113.1") == 202  # who asks for no message is not concerned


def test_another_spelling_is_no_other_address(make_bench: Any, made: Any) -> None:
    bench = make_bench(notifications_per_hour=len(OPERATIONS))
    one = ("a.png", made.picture())
    clients = (f"203.0.113.{number}" for number in range(100))

    def status(**fields: str) -> int:
        return int(bench.send(one, headers={"X-Forwarded-For": next(clients)}, **fields).status_code)

    spellings = ["ana@example.org", "ana@\uff45xample.org", "ANA@EXAMPLE.org"]
    assert [status(email=spelling) for spelling in spellings] == [202, 429, 429]
    assert [status(email=spelling) for spelling in ("ana@praça.org", "ana@xn--praa-2oa.org")] == [202, 429]
    assert [status(telegram_id=spelling) for spelling in ("42", "0042", "042 ")] == [202, 429, 429]
    assert [status(telegram_id=spelling) for spelling in ("@canal", "@Canal")] == [202, 429]
    assert [status(email="nobody") for _ in range(2)] == [400, 400]


def test_messages_are_limited_per_client_whomever_they_go_to(make_bench: Any, made: Any) -> None:
    bench = make_bench(notifications_per_hour=2 * len(OPERATIONS))
    one = ("a.png", made.picture())
    assert [bench.send(one, email=f"{name}@example.org").status_code for name in "abc"] == [202, 202, 429]
    assert bench.send(one, email="nobody").status_code == 429
    kept = bench.files()
    for lang, sentence in (("en", "Too many messages"), ("pt-BR", "mensagens")):
        answer = bench.send(one, email="d@example.org", headers={"Accept-Language": lang})
        is_problem(answer, 429, "too-many-messages", sentence)
        assert 61 < int(answer.headers["Retry-After"]) <= 3_601
    assert bench.files() == kept


def test_what_is_refused_costs_no_messages(make_bench: Any, made: Any) -> None:
    bench = make_bench(notifications_per_hour=len(OPERATIONS))
    assert [bench.send(("a.png", b"no"), email="a@example.org").status_code for _ in range(3)] == [415] * 3
    assert bench.send(("a.png", made.picture()), email="a@example.org").status_code == 202


# Something around is broken.


@pytest.mark.parametrize(("lang", "sentence"), [("en", "Kafka does not answer"), ("pt-BR", "O Kafka não responde")])
def test_without_a_broker_nothing_is_kept_and_one_may_try_again(
    bench: Any, made: Any, lang: str, sentence: str
) -> None:
    bench.cluster.away = "no broker answers"
    answer = bench.send(("a.png", made.picture()), ("b.png", made.picture()), headers={"Accept-Language": lang})
    is_problem(answer, 503, "broker-away", sentence)
    assert int(answer.headers["Retry-After"]) > 0
    assert bench.holds_nothing()
    bench.cluster.away = None
    bench.accepted(("a.png", made.picture()))


@pytest.mark.parametrize(("lang", "sentence"), [("en", "it may have it"), ("pt-BR", "pode ser que a tenha recebido")])
def test_what_kafka_may_have_stays_and_nobody_is_told_otherwise(
    bench: Any, made: Any, lang: str, sentence: str
) -> None:
    """Two files, published by and by: their workers find them."""
    bench.producer.failure, bench.producer.late = NotPublished("no word in time"), True
    answer = bench.send(("a.png", made.picture()), ("b.png", made.picture()), headers={"Accept-Language": lang})
    is_problem(answer, 503, "broker-away", sentence)
    assert int(answer.headers["Retry-After"]) > 0
    published = [json.loads(record.value)["new_file"] for record in bench.producer.published]
    assert len(published) == 2
    assert {path for path in bench.files() if path.endswith(".png")} == {f"uploads/{name}" for name in published}


KEY = {"Idempotency-Key": "0f3a5c1e9d7b42688c55a1d0e2f4b697"}


@pytest.mark.parametrize("late", [True, False])
def test_what_is_sent_again_is_the_same_upload(bench: Any, made: Any, late: bool) -> None:
    """The page does so: one card, and each answer told once, as its `ce_id` comes of that of the upload."""
    files = [("a.png", made.picture()), ("b.png", made.picture("JPEG", seed=1))]
    bench.producer.failure, bench.producer.late = NotPublished("no word in time"), late
    assert bench.send(*files, headers=KEY, email="ana@example.org").status_code == 503
    first, kept = [*bench.producer.published], bench.files()
    assert len(kept) == 4
    bench.cluster.away = "no broker answers"
    assert bench.send(*files, headers=KEY, email="ana@example.org").status_code == 503
    assert bench.files() == kept  # the first may be known to Kafka
    bench.cluster.away = bench.producer.failure = None
    answer = bench.send(*files, headers=KEY, email="ana@example.org")
    assert answer.status_code == 202
    again = bench.producer.published[len(first) :]
    assert bench.files() == kept
    assert [f"uploads/{image['new_file']}" in kept for image in answer.get_json()["images"]] == [True, True]
    assert len({record.key for record in again}) == 2
    if late:
        assert [(record.key, record.value) for record in again] == [(record.key, record.value) for record in first]
        assert [dict(record.headers)["ce_id"] for record in again] == [dict(r.headers)["ce_id"] for r in first]


def test_another_key_or_none_is_another_upload_and_other_people_are_told(bench: Any, made: Any) -> None:
    one = ("a.png", made.picture())
    others = [KEY, {"Idempotency-Key": "f" * 16}, None, None]
    ids = [bench.send(one, headers=headers).get_json()["images"][0]["id"] for headers in others]
    assert len(set(ids)) == 4
    assert bench.send(one, headers=KEY, email="ana@example.org").get_json()["images"][0]["id"] == ids[0]
    first, *_others, corrected = [dict(record.headers)["ce_id"] for record in bench.producer.published]
    assert first != corrected


def test_a_key_is_for_the_same_pictures_only(bench: Any, made: Any) -> None:
    """A client that uses one for all would lose the others without a word."""
    assert bench.send(("a.png", made.picture()), headers=KEY).status_code == 202
    kept, published = bench.files(), len(bench.producer.published)
    answer = bench.send(("a.png", made.picture(seed=1)), ("b.png", made.picture()), headers=KEY)
    is_problem(answer, 422, "idempotency-key", "used for another picture")
    assert (bench.files(), len(bench.producer.published)) == (kept, published)


@pytest.mark.parametrize("key", ["", "1", "x" * 15, "x" * 201, "a key with spaces in it"])
def test_a_key_that_others_may_have_too_is_refused(bench: Any, made: Any, key: str) -> None:
    answer = bench.send(("a.png", made.picture()), headers={"Idempotency-Key": key})
    is_problem(answer, 400, "idempotency-key", "nobody guesses")
    assert bench.holds_nothing()


def test_a_fault_that_nobody_foresaw_gives_nothing_away(bench: Any, made: Any) -> None:
    bench.producer.failure = RuntimeError("bug with the password hunter2")
    answer = bench.send(("a.png", made.picture()))
    is_problem(answer, 500, "internal", "Something went wrong here")
    assert b"hunter2" not in answer.data


BROKEN = [
    (errno.ENOSPC, 507, "store-full", ("There is no room left", "Não há espaço")),
    (errno.EROFS, 503, "store-fails", ("Pictures cannot be stored", "Não é possível armazenar")),
    (errno.EIO, 503, "store-fails", ("Pictures cannot be stored", "Não é possível armazenar")),
]


@pytest.mark.parametrize("case", BROKEN)
@pytest.mark.parametrize("where", ["incoming", "accept"])
def test_a_store_that_fails_is_told_as_what_it_is(
    bench: Any, made: Any, monkeypatch: pytest.MonkeyPatch, where: str, case: Any
) -> None:
    number, status, code, sentences = case

    def fails(*_args: Any) -> None:
        raise OSError(number, os.strerror(number), str(bench.root / "secret-place"))

    monkeypatch.setattr(Store, where, fails)
    for lang, sentence in zip(("en", "pt-BR"), sentences, strict=True):
        answer = bench.send(("a.png", made.picture()), headers={"Accept-Language": lang})
        is_problem(answer, status, code, sentence)
        assert int(answer.headers["Retry-After"]) > 0
        assert b"secret-place" not in answer.data
    monkeypatch.undo()
    assert bench.holds_nothing()


def test_when_the_second_file_finds_no_room_the_first_is_taken_back(
    bench: Any, made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, pictures = os.replace, []

    def full(source: Any, target: Any) -> None:
        if Path(target).suffix == ".png":
            pictures.append(target)
        if len(pictures) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr("pictures.store.os.replace", full)
    answer = bench.send(("a.png", made.picture()), ("b.png", made.picture()))
    is_problem(answer, 507, "store-full", "There is no room left")
    monkeypatch.undo()
    assert len(pictures) == 2
    assert bench.holds_nothing()


def test_another_site_may_not_upload(bench: Any, made: Any) -> None:
    answer = bench.send(("a.png", made.picture()), headers={"Origin": "http://evil.example"})
    is_problem(answer, 403, "cross-site", "Requests from other sites")
    assert bench.holds_nothing()
