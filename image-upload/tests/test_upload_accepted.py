"""Good uploads: the answer, the store, the record."""

import json
import time
from typing import Any

import pytest

IMAGES = "/upload/api/images"


@pytest.mark.parametrize(("form", "extension"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")])
def test_a_picture_is_stored_and_published_under_a_name_of_its_own(
    bench: Any, made: Any, form: str, extension: str
) -> None:
    data = made.picture(form)
    answer = bench.send(("perfil.dat", data))
    assert answer.status_code == 202
    (image,) = answer.get_json()["images"]
    assert image == {
        "id": image["id"],
        "new_file": f"{image['id']}.{extension}",
        "original_name": "perfil.dat",
        "url": f"{IMAGES}/{image['id']}",
    }
    assert (
        bench.files()
        == [f"uploads/{image['id']}.json", f"uploads/{image['new_file']}"][:: 1 if extension > "json" else -1]
    )
    assert (bench.root / "uploads" / image["new_file"]).read_bytes() == data


def test_the_record_is_what_the_workers_expect(bench: Any, made: Any) -> None:
    before = time.time()
    (image,) = bench.accepted(
        ("perfil.jpg", made.picture("JPEG")), email=" ana@exemplo.com.br ", telegram_id="12345", lang="en"
    )
    (record,) = bench.producer.published
    assert record.topic == "image"
    assert record.key == image["id"].encode()
    value = json.loads(record.value)
    assert before <= value.pop("timestamp") <= time.time()
    assert value == {
        "new_file": image["new_file"],
        "original_name": "perfil.jpg",
        "email": "ana@exemplo.com.br",
        "telegram_id": "12345",
        "lang": "en",
    }
    headers = {name: content.decode() for name, content in record.headers}
    assert headers["ce_specversion"] == "1.0"
    assert headers["ce_type"] == "image.uploaded"
    assert headers["ce_source"] == "/image-upload"
    assert headers["content-type"] == "application/json"
    assert {"ce_id", "ce_time", "traceparent"} <= headers.keys()
    assert "ce_causationid" not in headers


def test_beside_the_file_lies_what_the_page_needs_and_no_address_of_a_person(bench: Any, made: Any) -> None:
    (image,) = bench.accepted(
        ("avó.png", made.picture()), email="ana@exemplo.com.br", telegram_id="@anas", lang="pt-BR"
    )
    written = (bench.root / "uploads" / f"{image['id']}.json").read_text("utf-8")
    about = json.loads(written)
    assert about.pop("timestamp") == json.loads(bench.producer.published[0].value)["timestamp"]
    assert about == {"original_name": "avó.png", "lang": "pt-BR"}
    assert "exemplo" not in written
    assert "anas" not in written


def test_fields_that_are_left_empty_count_as_not_sent(bench: Any, made: Any) -> None:
    bench.accepted(("a.png", made.picture()), email="", telegram_id=" ", lang="")
    value = json.loads(bench.producer.published[0].value)
    assert (value["email"], value["telegram_id"]) == (None, None)


@pytest.mark.parametrize("telegram_id", ["1", "-1001234567890", "@canal_de_fotos"])
def test_persons_groups_and_channels_can_be_told(bench: Any, made: Any, telegram_id: str) -> None:
    bench.accepted(("a.png", made.picture()), telegram_id=telegram_id)
    assert json.loads(bench.producer.published[0].value)["telegram_id"] == telegram_id


@pytest.mark.parametrize(
    ("field", "browser", "expected"),
    [("pt-BR", "en", "pt-BR"), ("en", "pt-BR", "en"), (None, "pt-BR,en", "pt-BR"), (None, "en", "en")],
)
def test_the_language_is_that_of_the_form_else_of_the_browser(
    bench: Any, made: Any, field: str | None, browser: str, expected: str
) -> None:
    fields = {"lang": field} if field else {}
    bench.send(("a.png", made.picture()), headers={"Accept-Language": browser}, **fields)
    assert json.loads(bench.producer.published[0].value)["lang"] == expected


def test_several_pictures_are_accepted_in_their_order(bench: Any, made: Any) -> None:
    images = bench.accepted(*[(f"{number}.png", made.picture(seed=number)) for number in range(12)])
    assert [image["original_name"] for image in images] == [f"{number}.png" for number in range(12)]
    assert [json.loads(record.value)["new_file"] for record in bench.producer.published] == [
        image["new_file"] for image in images
    ]
    assert len({image["id"] for image in images}) == 12
    for number, image in enumerate(images):
        assert (bench.root / "uploads" / image["new_file"]).read_bytes() == made.picture(seed=number)


def test_the_same_picture_twice_is_two_pictures(bench: Any, made: Any) -> None:
    first, second = bench.accepted(("a.png", made.picture()), ("a.png", made.picture()))
    assert first["id"] != second["id"]


NAMES = [
    "perfil.jpg",
    "férias na praia ção 😀.png",
    "'; DROP TABLE fotos; --.png",
    "<img src=x onerror=alert(1)>.png",
    ".hidden",
    "no ending",
    "100%.png",
    "a" * 251 + ".png",
    "a..b.png",
    "CON",
    "名前.png",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_its_owner_wrote_it(bench: Any, made: Any, name: str) -> None:
    (image,) = bench.accepted((name, made.picture()))
    assert image["original_name"] == name
    assert bench.client.get(image["url"]).get_json()["original_name"] == name
    assert image["new_file"] == f"{image['id']}.png"


def test_a_file_at_the_limits_is_taken(make_bench: Any, made: Any) -> None:
    bench = make_bench(max_megapixels=1)
    data = made.picture(size=(1000, 1000), form="JPEG", quality=10)
    data += b"\0" * (1_000_000 - len(data))
    bench.accepted(("full.jpg", data))
    assert [path for path in bench.files() if path.endswith("jpeg")]
