"""The pages in both languages, the strings for their scripts, and the translations."""

import json
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import web
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from events.conversation import Conversation, Sentiment

import chatbot

PACKAGE = Path(str(chatbot.__file__)).parent
SHARED = Path(str(web.__file__)).parent
CATALOGUE = PACKAGE / "translations/pt_BR/LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
STATES = set(get_args(get_type_hints(Conversation)["estado"]))
PAGES = {"": "chat.js", "attendant": "attendant.js"}
"""The pages below /chat/, and the script that each loads."""


@pytest.fixture
def page(harness: Any, token: str) -> Any:
    """Returns the HTML of a page, as an attendant sees it."""

    def get(path: str, lang: str = "en") -> str:
        headers = {"Accept-Language": lang, "Authorization": f"Bearer {token}"}
        response = harness.get(path, headers=headers)
        assert (response.status_code, response.mimetype) == (200, "text/html")
        text: str = response.get_data(as_text=True)
        assert f'<html lang="{lang}">' in text
        return text

    return get


def strings(text: str) -> dict[str, str]:
    """The sentences that the page passes to its scripts."""
    found = re.search(r'<script type="application/json" id="strings">(.*?)</script>', text, re.DOTALL)
    assert found
    sentences: dict[str, str] = json.loads(found[1])["strings"]
    return sentences


def with_imports(script: Path) -> set[Path]:
    """The script and all scripts that it imports, directly or not."""
    found, todo = set(), [script]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            for name in re.findall(r'from "(\.[^"]+)"', one.read_text("utf-8")):
                shared = name.startswith("../web/static/")
                todo.append(SHARED / "static" / Path(name).name if shared else one.parent / name)
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_every_sentence_that_its_scripts_use(page: Any, path: str) -> None:
    scripts = with_imports(PACKAGE / "static" / PAGES[path])
    assert len(scripts) > 5
    said = {key for script in scripts for key in re.findall(r'\btranslate\("(\w+)"', script.read_text("utf-8"))}
    assert len(said) > 10
    assert said | STATES <= strings(page(path)).keys()


def test_the_console_has_a_word_for_each_sentiment(page: Any) -> None:
    assert set(get_args(Sentiment)) <= strings(page("attendant")).keys()


def test_no_script_is_unused() -> None:
    used = set().union(*(with_imports(PACKAGE / "static" / script) for script in PAGES.values()))
    assert set(PACKAGE.glob("static/*.js")) <= used


@pytest.mark.parametrize("path", PAGES)
def test_translated_sentences_keep_their_placeholders(page: Any, path: str) -> None:
    english, portuguese = strings(page(path)), strings(page(path, "pt-BR"))
    assert english.keys() == portuguese.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"{\w+}", sentence)) == set(re.findall(r"{\w+}", portuguese[key])), key


@pytest.mark.parametrize("path", PAGES)
def test_every_file_that_a_page_loads_exists(page: Any, harness: Any, path: str) -> None:
    addresses = set(re.findall(r'(?:src|href)="/chat/([^"]+\.\w+)"', page(path)))
    assert {address.rpartition(".")[2] for address in addresses} == {"css", "js", "svg"}
    assert [address for address in addresses if harness.get(address).status_code != 200] == []


@pytest.mark.parametrize("path", PAGES)
def test_a_page_complies_with_its_content_security_policy(page: Any, path: str) -> None:
    text = page(path)
    assert not re.search(r'<script(?![^>]*(src=|type="application/json"))', text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_limits_of_the_server(page: Any, path: str) -> None:
    text = page(path)
    assert 'data-max="4000"' in text
    assert 'maxlength="100"' in text


def test_a_wrong_token_is_reported_at_its_field(harness: Any) -> None:
    response = harness.client.post("/chat/attendant", data={"token": "wrong"}, headers={"Accept-Language": "pt-BR"})
    text = response.get_data(as_text=True)
    assert response.status_code == 403
    assert re.search(r'id="token"[^>]*aria-invalid="true" aria-describedby="token-problem"', text)
    assert re.search(r'id="token-problem"[^>]*role="alert">O token não confere\.<', text)
    assert 'id="strings"' not in text


def catalogue() -> Catalog:
    with (CATALOGUE / "messages.po").open("rb") as file:
        return read_po(file)


def test_every_sentence_is_translated_and_no_translation_is_unused() -> None:
    used = {message for _file, _line, message, _comments, _context in extract_from_dir(PACKAGE, METHODS)}
    translated = {message.id: message for message in catalogue() if message.id}
    assert used - translated.keys() == set()
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
