"""Browser contexts and pages for the browser tests, and screenshots."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import find_chromium
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from suite_fixtures import ROOT

SCREENSHOTS = Path(os.environ.get("SCREENSHOTS") or ROOT / ".run" / "screenshots")
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 60_000
expect.set_options(timeout=TIMEOUT_MS)


@contextmanager
def running() -> Iterator[Browser]:
    program = find_chromium()  # before Playwright starts, because it may start Playwright itself
    if not program and not os.environ.get("CI"):
        pytest.skip("Chromium is not available")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


def visitor(browser: Browser, language: str, phone: bool = False, **more: Any) -> BrowserContext:
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(locale=language, viewport=size, is_mobile=phone, has_touch=phone, **more)
    context.set_default_timeout(TIMEOUT_MS)
    return context


def opened(context: BrowserContext, url: str) -> Page:
    """Open a page that collects its errors, including violations of its content security policy, in `page.errors`."""
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


def faults(page: Page) -> list[str]:
    """The accessibility violations that axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{page.url} {one['id']}: {node['html']}" for one in found for node in one["nodes"]]
