"""The upload page in both languages, and the catalogues behind it."""

import html
import json
import re
from pathlib import Path
from typing import Any

import image_upload
import pytest
import web
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from image_upload import form
from pictures import FORMATS
from web import Problem

PACKAGES = [Path(str(image_upload.__file__)).parent, Path(str(web.__file__)).parent]
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
CATALOGUE = "translations/pt_BR/LC_MESSAGES/messages"


def page(harness: Any, lang: str) -> str:
    response = harness.client.get("/upload/", headers={"Accept-Language": lang})
    assert (response.status_code, response.mimetype) == (200, "text/html")
    text: str = response.get_data(as_text=True)
    assert f'<html lang="{lang}">' in text
    return text


def strings(text: str) -> dict[str, Any]:
    """The data that the page passes to its scripts."""
    found = re.search(r'<script type="application/json" id="strings">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


SHOWN = {
    "en": [
        "Send a picture, follow its events",
        "Each up to 7 MB and 30 megapixels",
        "up to 12.5 MP",
        "Skip to the content",
    ],
    "pt-BR": [
        "Envie uma imagem e acompanhe os eventos",
        "Cada uma com até 7 MB e 30 megapixels",
        "até 12,5 MP",
        "Pular para o conteúdo",
    ],
}


@pytest.mark.parametrize("lang", SHOWN)
def test_the_page_is_translated_and_names_the_limits(make_harness: Any, lang: str) -> None:
    text = page(make_harness(max_upload_mb=7, max_megapixels=30), lang)
    assert [sentence for sentence in SHOWN[lang] if sentence not in text] == []
    assert all(name in text for name in ("JPEG", "PNG", "WebP", "GIF", "image/webp"))


def test_the_limit_of_a_format_is_never_above_the_general_one(make_harness: Any) -> None:
    text = page(make_harness(max_megapixels=10), "en")
    assert "Each up to 1 MB and 10 megapixels" in text
    assert "12.5 MP" not in text


def test_the_file_dialog_accepts_media_types_and_extensions(harness: Any) -> None:
    found = re.search(r'accept="([^"]+)"', page(harness, "en"))
    assert found
    accepted = set(found[1].split(","))
    assert {"image/jpeg", ".jpeg", ".jpg", ".png", ".webp", ".gif"} <= accepted
    for row in FORMATS.values():
        assert row.media_type in accepted, row.label
        assert accepted >= {f".{extension}" for extension in row.extensions}, row.label


def test_the_page_validates_recipients_as_the_server_does(harness: Any) -> None:
    text = page(harness, "en")
    assert re.search(r'<input[^>]*type="email"[^>]*name="email"', text)
    found = re.search(r'name="telegram_id"[^>]*pattern="([^"]+)"', text)
    assert found
    for value in ("42", "-1001234", "@channel", "x", "12a", "@ab", "1" * 21):
        try:
            good = form.telegram_id(value) is not None
        except Problem:
            good = False
        assert bool(re.fullmatch(html.unescape(found[1]), value)) == good, value


def test_the_scripts_are_given_their_sentences(harness: Any) -> None:
    english, portuguese = strings(page(harness, "en")), strings(page(harness, "pt-BR"))
    assert english["maxMegabytes"] == 1
    assert english["operations"] == ["rotate", "grayscale", "caption"]
    assert english["news"]["rotate"] == "The file {name} was rotated."
    assert portuguese["news"] == {
        "rotate": "O arquivo {name} foi rotacionado.",
        "grayscale": "O arquivo {name} foi transformado em preto e branco.",
        "caption": "O nome do arquivo {name} foi escrito na imagem.",
    }
    assert english["strings"].keys() == portuguese["strings"].keys()
    for key, sentence in english["strings"].items():
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", portuguese["strings"][key])), key


def test_the_page_has_every_sentence_that_its_scripts_use(harness: Any) -> None:
    scripts = "".join(path.read_text("utf-8") for package in PACKAGES for path in package.glob("static/*.js"))
    said = set(re.findall(r'\btranslate\("(\w+)"', scripts))
    assert len(said) > 20
    assert said <= strings(page(harness, "en"))["strings"].keys()


def test_every_file_that_the_page_loads_exists(harness: Any) -> None:
    text = page(harness, "en")
    addresses = set(re.findall(r'(?:src|href)="(/upload/[^"]+)"', text))
    assert {address.rpartition(".")[2] for address in addresses} == {"css", "js", "svg"}
    for address in addresses:
        assert harness.client.get(address).status_code == 200, address
    for script in PACKAGES[0].glob("static/*.js"):
        assert harness.client.get(f"/upload/static/{script.name}").mimetype == "text/javascript"


def test_the_page_complies_with_its_content_security_policy(harness: Any) -> None:
    text = page(harness, "en")
    assert not re.search(r'<script(?![^>]*(src=|type="application/json"))', text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_the_chosen_language_is_remembered(harness: Any) -> None:
    assert '<html lang="pt-BR">' in harness.client.get("/upload/?lang=pt-BR").get_data(as_text=True)
    assert '<html lang="pt-BR">' in page(harness, "pt-BR")
    assert '<html lang="en">' in harness.client.get("/upload/?lang=en").get_data(as_text=True)


def catalogue(package: Path) -> Catalog:
    with (package / f"{CATALOGUE}.po").open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_sentence_is_translated_and_no_translation_is_unused(package: Path) -> None:
    used = {message for _file, _line, message, _comments, _context in extract_from_dir(package, METHODS)}
    translated = {message.id: message for message in catalogue(package) if message.id}
    assert used - translated.keys() == set()
    assert translated.keys() - used == set()
    assert [id for id, message in translated.items() if not message.string or message.fuzzy] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_translations_keep_their_placeholders(package: Path) -> None:
    for message in catalogue(package):
        placeholders = [set(re.findall(r"%\(\w+\)s|{\w+}", str(text))) for text in (message.id, message.string)]
        assert not message.id or placeholders[0] == placeholders[1], message.id


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_compiled_catalogue_is_up_to_date(package: Path) -> None:
    with (package / f"{CATALOGUE}.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in catalogue(package) if message.id}
