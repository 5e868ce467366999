"""Visitors with a real browser; what they see is kept as screenshots."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import installed
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from suite_fixtures import ROOT

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
expect.set_options(timeout=LONG)


@contextmanager
def running() -> Iterator[Browser]:
    program = installed()  # before Playwright begins: it may begin one of its own
    if not program and not os.environ.get("CI"):
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()


def visitor(browser: Browser, language: str, phone: bool = False, **more: Any) -> BrowserContext:
    size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
    context = browser.new_context(locale=language, viewport=size, is_mobile=phone, has_touch=phone, **more)
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


def faults(page: Page) -> list[str]:
    """What axe finds wrong with the page for people who do not see it, or not well."""
    found = Axe().run(page).response["violations"]
    return [f"{page.url} {one['id']}: {node['html']}" for one in found for node in one["nodes"]]
