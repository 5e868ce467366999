"""The pages in a real browser. Runs against `make run` and against the containers; leaves screenshots to look at."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sample_pictures import encoded, quarters
from suite_fixtures import ROOT, Suite

pytestmark = [pytest.mark.browser, pytest.mark.broker]

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS") or ROOT / ".run" / "screenshots")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONG = 60_000


def chromium() -> str | None:
    names = (os.environ.get("CHROMIUM") or "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium()
    if not program and not os.environ.get("CI"):
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


def visitor(browser: Browser, language: str, phone: bool = False) -> BrowserContext:
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(locale=language, viewport=size, is_mobile=phone, has_touch=phone)
    context.set_default_timeout(LONG)
    return context


def opened(context: BrowserContext, url: str) -> Page:
    """A page that fails the test when it logs an error or breaks its own security policy."""
    page = context.new_page()
    page.errors = []  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.errors.append(str(error)))  # type: ignore[attr-defined]
    page.on(
        "console",
        lambda message: (
            page.errors.append(message.text)  # type: ignore[attr-defined]
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    page.goto(url)
    return page


def screenshot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def files(*names: str) -> list[Any]:
    data = encoded(quarters((1600, 1200)))
    return [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name in names]


def shown(page: Page, card: Any) -> list[int]:
    """The widths in pixels of the pictures on a card, as the browser decoded them."""
    return card.locator("img").evaluate_all(  # type: ignore[no-any-return]
        "images => Promise.all(images.map(async image => { await image.decode(); return image.naturalWidth }))"
    )


@pytest.mark.parametrize(
    ("language", "phone", "title"),
    [("pt-BR", False, "Imagens"), ("en-US", True, "Pictures")],
    ids=["Portuguese, wide", "English, phone"],
)
def test_a_photo_comes_back_turned_and_grey_live(
    suite: Suite, browser: Browser, language: str, phone: bool, title: str
) -> None:
    context = visitor(browser, language, phone)
    page = opened(context, f"{suite.url}/upload/")
    expect(page.locator("html")).to_have_attribute("lang", language[:2] if language == "en-US" else language)
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=LONG)
    name = f"férias em {language}.jpg"
    page.get_by_test_id("file-input").set_input_files(files(name, f"2 {name}"))

    for wanted in (name, f"2 {name}"):
        card = page.get_by_test_id("image-card").filter(has_text=wanted).first
        for operation in ("rotate", "grayscale"):
            result = card.locator(f'[data-testid="result"][data-operation="{operation}"]')
            expect(result).to_have_attribute("data-status", "done", timeout=LONG)
        assert shown(page, card) == [1600] * 3
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"upload-{language}{'-phone' if phone else ''}")

    page.reload()  # nothing that was shown is lost
    card = page.get_by_test_id("image-card").filter(has_text=name).first
    expect(card.locator('[data-testid="result"][data-status="done"]')).to_have_count(2, timeout=LONG)
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_what_is_refused_says_why_in_the_visitors_language(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/upload/")
    page.get_by_test_id("file-input").set_input_files(
        [{"name": "foto.png", "mimeType": "image/png", "buffer": b"<html></html>"}]
    )
    row = page.get_by_test_id("upload-row").filter(has_text="foto.png")
    expect(row).to_have_attribute("data-state", "refused", timeout=LONG)
    expect(row).to_contain_text("não é aceito")
    screenshot(page, "refused-pt-BR")
    context.close()


def test_the_language_can_be_switched_and_stays(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/upload/")
    page.get_by_test_id("lang-en").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{suite.url}/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{suite.url}/upload/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_the_start_page_shows_what_is_up(suite: Suite, browser: Browser, language: str) -> None:
    context = visitor(browser, language)
    page = opened(context, f"{suite.url}/")
    for name in ("rotate-worker", "grayscale-worker"):
        service = page.locator(f'[data-testid="service"][data-name="{name}"]')
        expect(service).to_have_attribute("data-state", "up", timeout=LONG)
    screenshot(page, f"start-{language}")
    page.locator('a[href="/upload/"]').first.click()
    expect(page.get_by_test_id("drop-zone")).to_be_visible()
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_a_picture_sent_elsewhere_appears_without_reload(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/upload/")
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=LONG)
    (image,) = suite.upload(("elsewhere.jpg", encoded(quarters())))
    card = page.locator(f'[data-testid="image-card"][data-id="{image["id"]}"]')
    expect(card.locator('[data-testid="result"][data-status="done"]')).to_have_count(2, timeout=LONG)
    context.close()
