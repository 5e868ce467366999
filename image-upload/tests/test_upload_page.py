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


def page(bench: Any, lang: str) -> str:
    answer = bench.client.get("/upload/", headers={"Accept-Language": lang})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    text: str = answer.get_data(as_text=True)
    assert f'<html lang="{lang}">' in text
    return text


def strings(text: str) -> dict[str, Any]:
    """What the page hands to its scripts."""
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
def test_the_page_speaks_the_language_and_names_the_limits(make_bench: Any, lang: str) -> None:
    text = page(make_bench(max_upload_mb=7, max_megapixels=30), lang)
    assert [sentence for sentence in SHOWN[lang] if sentence not in text] == []
    assert all(name in text for name in ("JPEG", "PNG", "WebP", "GIF", "image/webp"))


def test_the_limit_of_a_format_is_never_above_the_general_one(make_bench: Any) -> None:
    text = page(make_bench(max_megapixels=10), "en")
    assert "Each up to 1 MB and 10 megapixels" in text
    assert "12.5 MP" not in text


def test_pictures_can_be_chosen_by_type_and_by_the_end_of_their_name(bench: Any) -> None:
    found = re.search(r'accept="([^"]+)"', page(bench, "en"))
    assert found
    accepted = set(found[1].split(","))
    assert {"image/jpeg", ".jpeg", ".jpg", ".png", ".webp", ".gif"} <= accepted
    for row in FORMATS.values():
        assert row.media_type in accepted, row.label
        assert accepted >= {f".{extension}" for extension in row.extensions}, row.label


def test_the_fields_of_a_message_are_checked_as_the_server_does(bench: Any) -> None:
    text = page(bench, "en")
    assert re.search(r'<input[^>]*type="email"[^>]*name="email"', text)
    found = re.search(r'name="telegram_id"[^>]*pattern="([^"]+)"', text)
    assert found
    for value in ("42", "-1001234", "@channel", "x", "12a", "@ab", "1" * 21):
        try:
            good = form.telegram_id(value) is not None
        except Problem:
            good = False
        assert bool(re.fullmatch(html.unescape(found[1]), value)) == good, value


def test_the_scripts_are_given_their_sentences(bench: Any) -> None:
    english, portuguese = strings(page(bench, "en")), strings(page(bench, "pt-BR"))
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


def test_every_sentence_that_a_script_says_is_handed_to_it(bench: Any) -> None:
    scripts = "".join(path.read_text("utf-8") for package in PACKAGES for path in package.glob("static/*.js"))
    said = set(re.findall(r'\bsay\("(\w+)"', scripts))
    assert len(said) > 20
    assert said <= strings(page(bench, "en"))["strings"].keys()


def test_everything_the_page_loads_is_there(bench: Any) -> None:
    text = page(bench, "en")
    addresses = set(re.findall(r'(?:src|href)="(/upload/[^"]+)"', text))
    assert {address.rpartition(".")[2] for address in addresses} == {"css", "js", "svg"}
    for address in addresses:
        assert bench.client.get(address).status_code == 200, address
    for script in PACKAGES[0].glob("static/*.js"):
        assert bench.client.get(f"/upload/static/{script.name}").mimetype == "text/javascript"


def test_the_page_has_no_script_or_style_that_its_policy_forbids(bench: Any) -> None:
    text = page(bench, "en")
    assert not re.search(r'<script(?![^>]*(src=|type="application/json"))', text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_the_switch_of_languages_is_remembered(bench: Any) -> None:
    assert '<html lang="pt-BR">' in bench.client.get("/upload/?lang=pt-BR").get_data(as_text=True)
    assert '<html lang="pt-BR">' in page(bench, "pt-BR")
    assert '<html lang="en">' in bench.client.get("/upload/?lang=en").get_data(as_text=True)


def catalogue(package: Path) -> Catalog:
    with (package / f"{CATALOGUE}.po").open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_sentence_is_translated_and_no_translation_is_left_over(package: Path) -> None:
    wanted = {message for _file, _line, message, _comments, _context in extract_from_dir(package, METHODS)}
    there = {message.id: message for message in catalogue(package) if message.id}
    assert wanted - there.keys() == set()
    assert there.keys() - wanted == set()
    assert [id for id, message in there.items() if not message.string or message.fuzzy] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_translations_keep_the_places_of_their_sentence(package: Path) -> None:
    for message in catalogue(package):
        places = [set(re.findall(r"%\(\w+\)s|{\w+}", str(text))) for text in (message.id, message.string)]
        assert not message.id or places[0] == places[1], message.id


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_compiled_catalogue_is_that_of_the_text(package: Path) -> None:
    with (package / f"{CATALOGUE}.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in catalogue(package) if message.id}
