"""Many tabs of one browser: they share event streams, since it opens six connections to one host and no more."""

import uuid

import pytest
from browsers import TIMEOUT_MS, opened, visitor
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sample_pictures import encoded, quarters
from suite_fixtures import Suite

pytestmark = [pytest.mark.browser, pytest.mark.broker]


def is_live(*pages: Page) -> None:
    for page in pages:
        expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)


def uploads(context: BrowserContext, suite: Suite, number: int) -> list[Page]:
    return [opened(context, f"{suite.url}/upload/") for _ in range(number)]


def send_from(page: Page) -> str:
    """Choose a picture on the page; returns its name."""
    name = f"{uuid.uuid4().hex[:8]}.png"
    file = {"name": name, "mimeType": "image/png", "buffer": encoded(quarters(), "PNG")}
    page.get_by_test_id("file-input").set_input_files([file])  # type: ignore[list-item]
    return name


def test_nine_tabs_of_one_page_live_on_one_stream(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if "/api/events" in request.url else None)
    pages = uploads(context, suite, 9)
    is_live(*pages)
    name = send_from(pages[0])
    for page in pages:
        card = page.get_by_test_id("image-card").filter(has_text=name)
        expect(card.get_by_role("img")).to_have_count(4, timeout=TIMEOUT_MS)
    leader = pages.pop(0)
    leader.close()
    name = send_from(pages[-1])
    for page in pages:
        expect(page.get_by_test_id("image-card").filter(has_text=name)).to_be_visible(timeout=TIMEOUT_MS)
        assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_twenty_tabs_of_many_pages_all_work(suite: Suite, browser: Browser) -> None:
    """Ten conversations have ten streams: they take turns."""
    context = visitor(browser, "en-US")
    chats = []
    for number in range(10):
        chat = opened(context, f"{suite.url}/chat/")
        if number:
            chat.get_by_test_id("anew").click()
        chat.get_by_test_id("name").fill(f"Ana {number}")
        chat.get_by_test_id("begin").click()
        expect(chat.get_by_test_id("chat")).to_be_visible(timeout=TIMEOUT_MS)
        chats.append(chat)
    pages = uploads(context, suite, 8)
    console = opened(context, f"{suite.url}/chat/attendant")
    console.get_by_test_id("token").fill(suite.token)
    console.get_by_test_id("enter").click()
    is_live(*chats, *pages, console)
    name = send_from(pages[0])
    for page in pages:
        expect(page.get_by_test_id("image-card").filter(has_text=name)).to_be_visible(timeout=TIMEOUT_MS)
    for number, chat in enumerate(chats):
        text = f"message {number} of {name}"
        chat.get_by_test_id("text").fill(text)
        chat.get_by_test_id("text").press("Enter")
        sent = chat.locator('[data-testid="message"][data-own]').filter(has_text=text)
        expect(sent).to_have_attribute("data-state", "delivered", timeout=TIMEOUT_MS)
        expect(chat.locator('[data-testid="message"][data-from="robo"]')).to_have_count(1, timeout=TIMEOUT_MS)
    opened(context, f"{suite.url}/index.html").get_by_role("heading").first.wait_for()
    for page in (*chats, *pages, console):
        assert page.errors == []  # type: ignore[attr-defined]
    context.close()
