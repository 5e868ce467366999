"""What the gateway and the API promise to pages, kept in a real browser."""

import uuid

import pytest
from browsers import TIMEOUT_MS, opened, visitor
from playwright.sync_api import Browser, Route, expect
from sample_pictures import encoded, quarters
from suite_fixtures import Suite

pytestmark = [pytest.mark.browser, pytest.mark.broker]


def test_what_the_page_sends_again_is_the_same_upload(suite: Suite, browser: Browser) -> None:
    keys: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "Kafka has not confirmed."})
        else:
            route.continue_()

    context = visitor(browser, "en-US")
    context.route("**/upload/api/images", answer)
    page = opened(context, f"{suite.url}/upload/")
    names = [f"{uuid.uuid4().hex}.jpg" for _ in range(2)]
    for number, name in enumerate(names):
        photo = {"name": name, "mimeType": "image/jpeg", "buffer": encoded(quarters())}
        page.get_by_test_id("file-input").set_input_files([photo])  # type: ignore[list-item]
        expect(page.get_by_test_id("image-card").filter(has_text=name)).to_have_count(1, timeout=TIMEOUT_MS)
        assert len(keys) == 2 + number
    first, again, other = keys
    assert first == again != other
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_the_page_of_the_caught_mails_shows_them_and_those_that_come(suite: Suite, browser: Browser) -> None:
    """MailDev in containers, Sendria without: both ask for what they show from where they are."""
    first, second = (f"{uuid.uuid4().hex[:8]}@example.org" for _ in range(2))
    suite.upload(("perfil.jpg", encoded(quarters())), email=first)
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/mail/")
    expect(page.get_by_text(first).first).to_be_visible(timeout=TIMEOUT_MS)
    suite.upload(("perfil.jpg", encoded(quarters())), email=second)
    expect(page.get_by_text(second).first).to_be_visible(timeout=TIMEOUT_MS)
    context.close()
