"""The page in both languages, the sentences for its scripts, its files, and the translations."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import web
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from live_feed import PACKAGE, Feed, make_app

STATIC = PACKAGE / "static"
CATALOGUE = PACKAGE / "translations/pt_BR/LC_MESSAGES"
SHARED_CATALOGUE = Path(str(web.__file__)).parent / "translations/pt_BR/LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
FROM_WEB = {"live", "reconnecting", "offlineBadge", "moreNews"}


@pytest.fixture(scope="module")
def client() -> Any:
    return make_app(Feed()).test_client()


def page(client: Any, lang: str = "en") -> str:
    response = client.get("/live/", headers={"Accept-Language": lang})
    assert (response.status_code, response.mimetype) == (200, "text/html")
    text: str = response.get_data(as_text=True)
    assert f'<html lang="{lang}">' in text
    return text


def strings(text: str) -> dict[str, str]:
    found = re.search(r'<script type="application/json" id="strings">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, str] = json.loads(found[1])["strings"]
    return data


def with_imports(script: Path) -> set[Path]:
    """The scripts of this page that `script` loads, itself included."""
    found, waiting = set(), [script]
    while waiting:
        script = waiting.pop()
        if script not in found:
            found.add(script)
            waiting += [STATIC / name for name in re.findall(r'from "\./(\w+\.js)"', script.read_text("utf-8"))]
    return found


@pytest.mark.parametrize(("lang", "heading"), [("en", "Recent events"), ("pt-BR", "Eventos recentes")])
def test_the_page_is_translated(client: Any, lang: str, heading: str) -> None:
    assert heading in page(client, lang)


def test_the_page_has_every_sentence_that_its_scripts_say_and_no_other(client: Any) -> None:
    scripts = with_imports(STATIC / "observer.js")
    said = {key for script in scripts for key in re.findall(r'\btranslate\("(\w+)"', script.read_text("utf-8"))}
    assert len(said) > 50
    assert said | FROM_WEB == strings(page(client)).keys()


def test_no_script_is_unused() -> None:
    assert set(STATIC.glob("*.js")) == with_imports(STATIC / "observer.js")


def test_translated_sentences_keep_their_placeholders(client: Any) -> None:
    english, portuguese = strings(page(client)), strings(page(client, "pt-BR"))
    for key, sentence in english.items():
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", portuguese[key])), key


def test_every_file_that_the_page_loads_exists(client: Any) -> None:
    addresses = set(re.findall(r'(?:src|href)="(/live/[^"]+\.\w+)"', page(client)))
    assert {address.rpartition(".")[2] for address in addresses} == {"css", "js", "svg"}
    assert [address for address in addresses if client.get(address).status_code != 200] == []


def test_the_page_complies_with_its_content_security_policy(client: Any) -> None:
    text = page(client)
    assert not re.search(r'<script(?![^>]*(src=|type="application/json"))', text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_every_element_that_a_script_asks_for_by_its_id_is_there(client: Any) -> None:
    text = page(client)
    asked = {
        name for script in STATIC.glob("*.js") for name in re.findall(r'byId\("([\w-]+)"\)', script.read_text("utf-8"))
    }
    assert len(asked) > 30
    assert [name for name in asked if f'id="{name}"' not in text] == []


def catalogue(folder: Path = CATALOGUE) -> Catalog:
    with (folder / "messages.po").open("rb") as file:
        return read_po(file)


def test_every_sentence_is_translated_and_no_translation_is_unused() -> None:
    used = {message for _file, _line, message, _comments, _context in extract_from_dir(PACKAGE, METHODS)}
    translated = {message.id: message for message in catalogue() if message.id}
    shared = {message.id for message in catalogue(SHARED_CATALOGUE)}
    assert used - translated.keys() - shared == set()
    assert translated.keys() - used == set()
    assert [id for id, message in translated.items() if not message.string or message.fuzzy] == []


def test_translations_keep_their_placeholders() -> None:
    for message in catalogue():
        placeholders = [set(re.findall(r"%\(\w+\)s|{\w+}", str(text))) for text in (message.id, message.string)]
        assert not message.id or placeholders[0] == placeholders[1], message.id


def test_the_compiled_catalogue_is_up_to_date() -> None:
    with (CATALOGUE / "messages.mo").open("rb") as file:
        compiled = {message.id: message.string for message in read_mo(file) if message.id}
    assert compiled == {message.id: message.string for message in catalogue() if message.id}
