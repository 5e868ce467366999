"""Accepted uploads: the response, the store, the record."""

import json
import time
from typing import Any

import pytest

IMAGES = "/upload/api/images"


@pytest.mark.parametrize(("form", "extension"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp"), ("GIF", "gif")])
def test_a_picture_is_stored_and_published_under_a_unique_name(
    harness: Any, samples: Any, form: str, extension: str
) -> None:
    data = samples.picture(form)
    response = harness.send(("perfil.dat", data))
    assert response.status_code == 202
    (image,) = response.get_json()["images"]
    assert image == {
        "id": image["id"],
        "new_file": f"{image['id']}.{extension}",
        "original_name": "perfil.dat",
        "url": f"{IMAGES}/{image['id']}",
    }
    assert (
        harness.files()
        == [f"uploads/{image['id']}.json", f"uploads/{image['new_file']}"][:: 1 if extension > "json" else -1]
    )
    assert (harness.root / "uploads" / image["new_file"]).read_bytes() == data


def test_the_record_has_the_fields_of_the_contract(harness: Any, samples: Any) -> None:
    before = time.time()
    (image,) = harness.accepted(
        ("perfil.jpg", samples.picture("JPEG")), email=" ana@exemplo.com.br ", telegram_id="12345", lang="en"
    )
    (record,) = harness.producer.published
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


def test_the_metadata_file_holds_what_the_page_needs_and_no_recipient(harness: Any, samples: Any) -> None:
    (image,) = harness.accepted(
        ("avó.png", samples.picture()), email="ana@exemplo.com.br", telegram_id="@anas", lang="pt-BR"
    )
    metadata = (harness.root / "uploads" / f"{image['id']}.json").read_text("utf-8")
    about = json.loads(metadata)
    assert about.pop("timestamp") == json.loads(harness.producer.published[0].value)["timestamp"]
    assert about == {"original_name": "avó.png", "lang": "pt-BR"}
    assert "exemplo" not in metadata
    assert "anas" not in metadata


def test_empty_fields_count_as_missing(harness: Any, samples: Any) -> None:
    harness.accepted(("a.png", samples.picture()), email="", telegram_id=" ", lang="")
    value = json.loads(harness.producer.published[0].value)
    assert (value["email"], value["telegram_id"]) == (None, None)


@pytest.mark.parametrize("telegram_id", ["1", "-1001234567890", "@canal_de_fotos"])
def test_a_telegram_id_may_be_a_person_a_group_or_a_channel(harness: Any, samples: Any, telegram_id: str) -> None:
    harness.accepted(("a.png", samples.picture()), telegram_id=telegram_id)
    assert json.loads(harness.producer.published[0].value)["telegram_id"] == telegram_id


@pytest.mark.parametrize(
    ("field", "browser", "expected"),
    [("pt-BR", "en", "pt-BR"), ("en", "pt-BR", "en"), (None, "pt-BR,en", "pt-BR"), (None, "en", "en")],
)
def test_the_language_is_that_of_the_form_or_else_of_the_browser(
    harness: Any, samples: Any, field: str | None, browser: str, expected: str
) -> None:
    fields = {"lang": field} if field else {}
    harness.send(("a.png", samples.picture()), headers={"Accept-Language": browser}, **fields)
    assert json.loads(harness.producer.published[0].value)["lang"] == expected


def test_several_pictures_keep_their_order(harness: Any, samples: Any) -> None:
    images = harness.accepted(*[(f"{number}.png", samples.picture(seed=number)) for number in range(12)])
    assert [image["original_name"] for image in images] == [f"{number}.png" for number in range(12)]
    assert [json.loads(record.value)["new_file"] for record in harness.producer.published] == [
        image["new_file"] for image in images
    ]
    assert len({image["id"] for image in images}) == 12
    for number, image in enumerate(images):
        assert (harness.root / "uploads" / image["new_file"]).read_bytes() == samples.picture(seed=number)


def test_the_same_picture_twice_is_two_uploads(harness: Any, samples: Any) -> None:
    first, second = harness.accepted(("a.png", samples.picture()), ("a.png", samples.picture()))
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
def test_a_name_is_kept_as_the_user_wrote_it(harness: Any, samples: Any, name: str) -> None:
    (image,) = harness.accepted((name, samples.picture()))
    assert image["original_name"] == name
    assert harness.client.get(image["url"]).get_json()["original_name"] == name
    assert image["new_file"] == f"{image['id']}.png"


PART_NAMES = {
    "latin-1": (b'filename="f\xe9rias.png"', "férias.png"),
    "windows' latin-1": (b'filename="10\x80 \x96 f\xe9.png"', "10€ – fé.png"),
    "a byte that is nothing in windows' latin-1": (b'filename="a\x81\xe9.png"; x=y', "a\ufffdé.png"),
    "utf-8": ('filename="férias.png"'.encode(), "férias.png"),
    "rfc 5987": (b"filename*=UTF-8''f%C3%A9rias.png", "férias.png"),
    "quoted rfc 5987": (b"filename*=\"UTF-8''f%C3%A9rias.png\"", "férias.png"),
    "rfc 5987 in latin-1": (b"filename*=ISO-8859-1'pt'f%E9rias.png", "férias.png"),
    "rfc 5987 in another charset": (b"filename*=windows-1251''%F4%EE%F2%EE.png", "фото.png"),
    "rfc 5987 in no charset": (b"filename*=klingon''f%C3%A9rias.png", "férias.png"),
    "rfc 5987 of raw bytes": ("filename*=UTF-8''férias.png".encode(), "férias.png"),
    "both, the better one last": (b"filename=\"f.png\"; filename*=UTF-8''f%C3%A9rias.png", "férias.png"),
    "both, the better one first": (b"filename*=UTF-8''f%C3%A9rias.png; filename=\"f.png\"", "férias.png"),
    "continued": (b"filename*0*=UTF-8''f%C3%A9; filename*1=rias.png", "férias.png"),
    "without quotes": (b"filename=ferias.png", "ferias.png"),
    "quotes of curl": (b'filename="a \\"b\\" c.png"', 'a "b" c.png'),
    "quotes of browsers": (b'filename="a %22b%22 c.png"', 'a "b" c.png'),
    "semicolon": (b'filename="a; b=c.png"', "a; b=c.png"),
    "windows path": (rb'filename="C:\Users\me\photo.png"', "photo.png"),
    "escaped windows path": (rb'filename="C:\\Users\\me\\photo.png"', "photo.png"),
    "windows path in latin-1": (b'filename="C:\\Fotos\\f\xe9rias.png"', "férias.png"),
    "share of windows": (rb'filename="\\server\share\photo.png"', "photo.png"),
    "path of rfc 5987": (b"filename*=UTF-8''a%5Cb.png", "b.png"),
    "path": (b'filename="/home/me/photo.png"', "photo.png"),
}


@pytest.mark.parametrize("case", PART_NAMES)
def test_a_name_is_read_as_the_client_meant_it(harness: Any, samples: Any, case: str) -> None:
    name, expected = PART_NAMES[case]
    head = b'Content-Disposition: form-data; name="file"; ' + name + b"\r\nContent-Type: image/png"
    response = harness.send_raw((head, samples.picture()))
    assert response.status_code == 202, response.data
    (image,) = response.get_json()["images"]
    assert image["original_name"] == expected
    assert (harness.root / "uploads" / image["new_file"]).read_bytes() == samples.picture()


def test_bytes_of_latin_1_in_another_header_or_field_lose_nothing(harness: Any, samples: Any) -> None:
    response = harness.send_raw(
        (b'Content-Disposition: form-data; name="legenda \xe9"', b"f\xe9"),
        (b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nX-Note: \xe9', samples.picture()),
    )
    assert response.status_code == 202, response.data


def test_a_file_at_the_limits_is_accepted(make_harness: Any, samples: Any) -> None:
    harness = make_harness(max_megapixels=1)
    data = samples.picture(size=(1000, 1000), form="JPEG", quality=10)
    data += b"\0" * (1_000_000 - len(data))
    harness.accepted(("full.jpg", data))
    assert [path for path in harness.files() if path.endswith("jpeg")]
