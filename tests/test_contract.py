"""The suite from outside: what other programs rely on. Runs against `make run` and against the containers."""

import json
import os
import re
import subprocess
import sys
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import requests
from kafka import KafkaConsumer, KafkaProducer
from PIL import Image
from sample_pictures import alike, corners, encoded, opened, quarters
from suite_fixtures import Suite, eventually

pytestmark = pytest.mark.broker

RED, LIME, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
OPERATIONS = ("rotate", "grayscale", "caption")


@pytest.fixture(scope="module")
def producer(suite: Suite) -> Any:
    with KafkaProducer(**suite.client(), acks="all") as producer:
        yield producer


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_picture_goes_the_whole_way(suite: Suite, form: str) -> None:
    (accepted,) = suite.upload((f"perfil.{form.lower()}", encoded(quarters(), form)))
    assert accepted["new_file"] == f"{accepted['id']}.{form.lower()}"
    image = suite.finished(accepted["id"])
    assert [image["operations"][name]["status"] for name in OPERATIONS] == ["done"] * len(OPERATIONS)

    files = {name: suite.get(image["operations"][name]["url"]) for name in OPERATIONS}
    assert {answer.headers["Content-Type"] for answer in files.values()} == {f"image/{form.lower()}"}
    turned, grey, captioned = (opened(files[name].content) for name in OPERATIONS)
    assert turned.format == grey.format == captioned.format == form
    for found, wanted in zip(corners(turned), [YELLOW, BLUE, LIME, RED], strict=True):
        assert alike(found, wanted)
    for (red, green, blue), luma in zip(corners(grey), [76, 150, 29, 226], strict=True):
        assert alike((red, green, blue), (luma, luma, luma))
    assert all(map(alike, corners(captioned), [RED, LIME, BLUE, YELLOW]))
    darkest, brightest = captioned.convert("L").crop((0, 450, 640, 480)).getextrema()
    assert darkest < 30  # the band over blue
    assert brightest > 220  # the letters


def test_orientation_is_honoured_and_location_is_gone(suite: Suite) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter, clockwise
    exif.get_ifd(0x8825)[2] = (23.0, 33.0, 0.0)
    (accepted,) = suite.upload(("photo.jpg", encoded(quarters(), exif=exif)))
    image = suite.finished(accepted["id"])
    turned = opened(suite.get(image["operations"]["rotate"]["url"]).content)
    assert turned.size == (480, 640)
    assert all(map(alike, corners(turned), [LIME, YELLOW, RED, BLUE]))
    assert not turned.getexif()


def test_every_record_says_what_the_contract_says(suite: Suite) -> None:
    name = f"perfil-{uuid.uuid4().hex}.png"
    before = time.time()
    (accepted,) = suite.upload((name, encoded(quarters(), "PNG")), email="ana@example.org", lang="en")
    (record,) = suite.records("image", lambda record: record.key == accepted["id"].encode())
    uploaded = json.loads(record.value)
    assert before - 5 < uploaded.pop("timestamp") < time.time() + 5
    assert uploaded == {
        "new_file": accepted["new_file"],
        "original_name": name,
        "email": "ana@example.org",
        "telegram_id": None,
        "lang": "en",
    }
    headers = {key: value.decode() for key, value in record.headers}
    assert headers["ce_specversion"] == "1.0"
    assert headers["content-type"] == "application/json"
    assert {"ce_id", "ce_source", "ce_type", "ce_time", "traceparent"} <= headers.keys()

    suite.finished(accepted["id"])
    answers = eventually(lambda: _both(suite, accepted["id"]))
    for answer in answers:
        told = json.loads(answer.value)
        operation = told["operation"]
        extension = accepted["new_file"].rpartition(".")[2]
        assert told["status"] == "done"
        assert told["result"] == f"processed/{operation}/{accepted['id']}_{operation}.{extension}"
        assert (told["original_name"], told["email"], told["lang"], told["reason"]) == (
            name,
            "ana@example.org",
            "en",
            None,
        )
        answered = dict(answer.headers)
        assert answered["ce_causationid"].decode() == headers["ce_id"]
        assert answered["traceparent"].split(b"-")[1].decode() == headers["traceparent"].split("-")[1]


def _both(suite: Suite, image: str) -> list[Any] | None:
    found = suite.records("notification", lambda record: record.key == image.encode())
    return found if {json.loads(record.value)["operation"] for record in found} == set(OPERATIONS) else None


@pytest.mark.parametrize(
    ("lang", "sentences"),
    [
        (
            "pt-BR",
            {
                "O arquivo perfil.jpg foi rotacionado.",
                "O arquivo perfil.jpg foi transformado em preto e branco.",
                "O nome do arquivo perfil.jpg foi escrito na imagem.",
            },
        ),
        (
            "en",
            {
                "The file perfil.jpg was rotated.",
                "The file perfil.jpg was turned into black and white.",
                "The name of the file perfil.jpg was written on the image.",
            },
        ),
    ],
)
def test_the_person_is_told_once_of_each_result_in_their_language(
    suite: Suite, producer: KafkaProducer, lang: str, sentences: set[str]
) -> None:
    address = f"ana-{uuid.uuid4().hex[:8]}@example.org"
    (accepted,) = suite.upload(("perfil.jpg", encoded(quarters())), email=address, lang=lang)
    eventually(lambda: sorted(suite.mails(address)) == sorted(sentences), 60, every=0.5)

    (record, *_more) = suite.records("image", lambda record: record.key == accepted["id"].encode())
    producer.send(suite.topic("image"), record.value, record.key, list(record.headers)).get(60)  # a second delivery
    (after,) = suite.upload(("after.jpg", encoded(quarters())), email=f"z{address}")
    suite.finished(after["id"])
    eventually(lambda: len(suite.mails(f"z{address}")) == len(sentences), 60, every=0.5)
    assert sorted(suite.mails(address)) == sorted(sentences)


def test_a_foreign_producer_is_served(suite: Suite, producer: KafkaProducer) -> None:
    """Neither key nor headers, and two fields only."""
    (accepted,) = suite.upload(("a.png", encoded(quarters(), "PNG")))
    suite.finished(accepted["id"])
    eventually(lambda: _both(suite, accepted["id"]))
    event = {"timestamp": 1.5, "new_file": accepted["new_file"]}
    sent = producer.send(suite.topic("image"), json.dumps(event).encode()).get(60)
    cause = f"image/{sent.partition}/{sent.offset}".encode()

    def answered() -> list[Any] | None:
        found = suite.records("notification", lambda record: dict(record.headers).get("ce_causationid") == cause)
        return found if len({dict(record.headers)["ce_id"] for record in found}) == len(OPERATIONS) else None

    for record in eventually(answered):
        told = json.loads(record.value)
        assert (told["status"], told["original_name"], told["lang"]) == ("done", accepted["new_file"], "pt-BR")


def test_a_foreign_consumer_reads_every_upload(suite: Suite) -> None:
    """As courses teach it: a group of one's own, and a loop over the records."""
    sent = {image["new_file"] for image in suite.upload(*[(f"{n}.png", encoded(quarters(), "PNG")) for n in range(5)])}
    consumer = KafkaConsumer(
        suite.topic("image"),
        **suite.client(),
        group_id=suite.group(f"aula-{uuid.uuid4().hex[:6]}"),
        auto_offset_reset="earliest",
        session_timeout_ms=6000,
        consumer_timeout_ms=60_000,
        value_deserializer=None,
    )
    with closing(consumer):
        for record in consumer:
            with suppress(ValueError, TypeError, KeyError):  # what other tests sent to be refused
                sent.discard(json.loads(record.value)["new_file"])
            if not sent:
                break
    assert not sent


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (b"no json", b"Undecodable"),
        (b'{"timestamp": 1}', b"Undecodable"),
        (b'{"timestamp": 1, "new_file": "not-there.png"}', b"Refused"),
        (b'{"timestamp": 1, "new_file": "../../../etc/passwd"}', b"Refused"),
        (b'{"timestamp": 1, "new_file": "/etc/passwd"}', b"Refused"),
        (b'{"timestamp": 1, "new_file": "' + b"x" * 1_048_000 + b'"}', b"Undecodable"),
    ],
    ids=["no JSON", "no new_file", "not there", "leads out", "absolute", "the largest record"],
)
def test_poison_becomes_a_dead_letter_of_each_worker(
    suite: Suite, producer: KafkaProducer, value: bytes, error: bytes
) -> None:
    mark = uuid.uuid4().bytes
    sent = producer.send(suite.topic("image"), value, headers=[("mark", mark)]).get(60)
    for service in ("rotate-worker", "grayscale-worker", "caption-worker"):
        (letter,) = suite.records(f"{service}.dlq", lambda record: dict(record.headers).get("mark") == mark)
        headers = dict(letter.headers)
        assert letter.value == value
        assert headers["dlq-error"] == error
        assert headers["dlq-message"]
        assert headers["dlq-group"] == suite.group(service).encode()
        assert (headers["dlq-topic"], headers["dlq-partition"], headers["dlq-offset"]) == (
            sent.topic.encode(),
            str(sent.partition).encode(),
            str(sent.offset).encode(),
        )
    (accepted,) = suite.upload(("after.png", encoded(quarters(), "PNG")))
    suite.finished(accepted["id"])


def dead_letters(suite: Suite, *arguments: str) -> str:
    """What `python -m bus.dead_letters` prints."""
    env = os.environ | {"KAFKA_BOOTSTRAP_SERVERS": suite.broker, "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-m", "bus.dead_letters", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_dead_letter_is_replayed_when_its_cause_is_mended_and_the_result_is_shown_and_told_once(
    suite: Suite, producer: KafkaProducer
) -> None:
    """The picture is missing in the store, until somebody puts it there."""
    if suite.store is None:
        pytest.skip("the store of this suite cannot be reached")
    id, address = uuid.uuid4().hex, f"{uuid.uuid4().hex}@example.org"
    event = {"timestamp": time.time(), "new_file": f"{id}.png", "original_name": "perfil.png", "email": address}
    producer.send(suite.topic("image"), json.dumps(event | {"lang": "en"}).encode(), key=id.encode()).get(10)
    eventually(lambda: len(suite.mails(address)) == len(OPERATIONS), 60)
    upload = Path(suite.store.removeprefix("file://")) / "uploads" / f"{id}.png"
    upload.with_suffix(".new").write_bytes(encoded(quarters(), "PNG"))
    upload.with_suffix(".new").rename(upload)
    shown = suite.finished(id)
    assert {operation["status"] for operation in shown["operations"].values()} == {"failed"}

    (letter,) = suite.records("rotate-worker.dlq", lambda record: record.key == id.encode())
    name = f"rotate-worker/{letter.partition}/{letter.offset}"
    assert re.search(rf"^{name} .* waiting ", dead_letters(suite, "list", "--service", "rotate-worker"), re.MULTILINE)
    assert f'"new_file": "{id}.png"' in dead_letters(suite, "show", name)
    assert dead_letters(suite, "replay", name) == f"{name} is replayed.\n"
    assert dead_letters(suite, "replay", name) == f"{name} was replayed before: nothing is done.\n"

    def operations() -> Any:
        return suite.get(f"/upload/api/images/{id}").json()["operations"]

    eventually(lambda: operations()["rotate"]["status"] == "done", 60)
    assert suite.get(operations()["rotate"]["url"]).status_code == 200
    assert {operations()[other]["status"] for other in ("grayscale", "caption")} == {"failed"}
    eventually(lambda: len(suite.mails(address)) == len(OPERATIONS) + 1, 60)
    grayscale, caption = (
        suite.records(f"{service}.dlq", lambda record: record.key == id.encode())[0]
        for service in ("grayscale-worker", "caption-worker")
    )
    dead_letters(suite, "drop", f"grayscale-worker/{grayscale.partition}/{grayscale.offset}")
    dead_letters(suite, "replay", f"caption-worker/{caption.partition}/{caption.offset}")
    eventually(lambda: len(suite.mails(address)) == len(OPERATIONS) + 2, 60)
    mails = suite.mails(address)
    assert (mails.count("The file perfil.png was rotated."), len(set(mails))) == (1, 3), mails
    assert " dropped " in dead_letters(suite, "list", "--service", "grayscale-worker")


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("page.png", b"<html><script>alert(1)</script></html>", 415),
        ("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415),
        ("empty.jpg", b"", 422),
        ("half.jpg", encoded(quarters())[:4000], 422),
        ("bomb.png", encoded(Image.new("1", (13_300, 13_300)), "PNG"), 422),
        ("large.jpg", b"\xff\xd8\xff" + b"\0" * 21_000_000, 413),
        ("../x.png", encoded(quarters(), "PNG"), 400),
        ("x" * 300 + ".png", encoded(quarters(), "PNG"), 400),
    ],
    ids=["HTML", "SVG", "empty", "truncated", "bomb", "too large", "path", "long name"],
)
def test_what_is_no_good_picture_is_refused_in_a_sentence(suite: Suite, name: str, data: bytes, status: int) -> None:
    newest = suite.get("/upload/api/images?limit=1").json()["images"]
    for language, word in (("pt-BR", {"O", "A", "arquivo", "imagem"}), ("en", {"The", "file", "picture"})):
        answer = requests.post(
            f"{suite.url}/upload/api/images",
            files={"file": (name, data)},
            headers={"Accept-Language": language},
            timeout=60,
        )
        assert answer.status_code == status, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        assert problem["detail"].endswith(".")
        assert word & set(problem["detail"].split())
    assert suite.get("/upload/api/images?limit=1").json()["images"] == newest


def test_a_request_over_all_limits_is_refused_by_the_gateway_too(suite: Suite) -> None:
    """Ten pictures at the limit are let through; what is longer is not even read."""
    answer = requests.post(
        f"{suite.url}/upload/api/images",
        data=b"",
        headers={"Content-Length": str(300 * 1024 * 1024), "Content-Type": "multipart/form-data; boundary=x"},
        timeout=120,
    )
    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["status"] == 413


def test_the_stream_begins_with_the_present_and_tells_each_change(suite: Suite) -> None:
    (first,) = suite.upload(("first.png", encoded(quarters(), "PNG")))
    suite.finished(first["id"])
    with requests.get(f"{suite.url}/upload/api/events", stream=True, timeout=30) as stream:
        events = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith(b"data: "))
        present = next(event for event in events if event["id"] == first["id"])
        assert present["operations"]["rotate"]["status"] == "done"
        (second,) = suite.upload(("second.png", encoded(quarters(), "PNG")))
        states = set()
        for event in events:
            if event["id"] == second["id"]:
                states.add(tuple(event["operations"][name]["status"] for name in OPERATIONS))
            if ("done",) * len(OPERATIONS) in states:
                break


def test_the_start_page_and_what_is_not_there(suite: Suite) -> None:
    assert "text/html" in suite.get("/index.html").headers["Content-Type"]
    assert suite.get("/base.css").ok
    assert (
        requests.get(f"{suite.url}/upload", allow_redirects=False, timeout=30).headers["Location"].endswith("/upload/")
    )
    gone = suite.get("/upload/api/images/none")
    assert (gone.status_code, gone.headers["Content-Type"]) == (404, "application/problem+json")
    for path in ("/index.html", "/documents/", "/live/", "/upload/"):
        headers = suite.get(path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_other_sites_may_not_post_in_a_visitors_name(suite: Suite) -> None:
    answer = requests.post(
        f"{suite.url}/upload/api/images",
        files={"file": ("a.png", encoded(quarters(), "PNG"))},
        headers={"Origin": "https://elsewhere.example"},
        timeout=30,
    )
    assert answer.status_code == 403


def test_an_upload_that_is_sent_again_with_its_key_is_the_same(suite: Suite) -> None:
    """As the page does when it has no answer: one picture, each result told once."""
    address = f"ana-{uuid.uuid4().hex[:8]}@example.org"
    key, photo = uuid.uuid4().hex, encoded(quarters())

    def send() -> Any:
        answer = requests.post(
            f"{suite.url}/upload/api/images",
            files={"file": ("perfil.jpg", photo)},
            data={"email": address, "lang": "en"},
            headers={"Idempotency-Key": key},
            timeout=60,
        )
        assert answer.status_code == 202, answer.text
        return answer.json()["images"]

    first = send()
    suite.finished(first[0]["id"])
    eventually(lambda: len(suite.mails(address)) == len(OPERATIONS), 60, every=0.5)
    assert send() == first
    (after,) = suite.upload(("after.jpg", photo), email=f"z{address}")
    suite.finished(after["id"])
    eventually(lambda: len(suite.mails(f"z{address}")) == len(OPERATIONS), 60, every=0.5)
    records = suite.records("image", lambda record: record.key == first[0]["id"].encode())
    assert len({dict(record.headers)["ce_id"] for record in records}) == 1
    assert len(suite.mails(address)) == len(OPERATIONS)


OF_OTHERS = [
    {"Origin": "https://elsewhere.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},  # another port of localhost
]


@pytest.mark.parametrize("headers", OF_OTHERS)
@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_other_sites_reach_no_caught_mails(suite: Suite, headers: dict[str, str], method: str) -> None:
    lists = [path for path in ("/mail/email", "/api/messages/") if suite.get(path).ok]  # MailDev's, Sendria's
    assert len(lists) == 1
    for path in ("/mail/", *lists):
        answer = requests.request(method, suite.url + path, headers=headers, timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/problem+json")
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}])
def test_the_page_of_the_caught_mails_opens_by_itself_and_from_a_link(suite: Suite, headers: dict[str, str]) -> None:
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Origin": suite.url}
    for each in (headers, own):
        answer = requests.get(f"{suite.url}/mail/", headers=each, timeout=30)
        assert answer.ok
        assert "text/html" in answer.headers["Content-Type"]
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in answer.headers
