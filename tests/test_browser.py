"""The pages in a real browser. Runs against `make run` and against the containers; leaves screenshots to look at."""

import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browsers import TIMEOUT_MS, faults, opened, screenshot, visitor
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from sample_pictures import encoded, quarters
from suite_fixtures import Suite, eventually

pytestmark = [pytest.mark.browser, pytest.mark.broker]


def files(*names: str) -> list[Any]:
    data = encoded(quarters((1600, 1200)))
    return [{"name": name, "mimeType": "image/jpeg", "buffer": data} for name in names]


def shown(page: Page, card: Any) -> list[int]:
    """The widths in pixels of the pictures on a card, as the browser decoded them; it lets go of those out of sight."""
    card.scroll_into_view_if_needed()
    expect(card.locator("img")).to_have_count(1 + card.get_by_test_id("result").count(), timeout=TIMEOUT_MS)
    return card.locator("img").evaluate_all(  # type: ignore[no-any-return]
        "images => Promise.all(images.map(async image => { await image.decode(); return image.naturalWidth }))"
    )


@pytest.mark.parametrize(
    ("language", "phone", "title"),
    [("pt-BR", False, "Imagens"), ("en-US", True, "Pictures")],
    ids=["Portuguese, wide", "English, phone"],
)
def test_a_photo_comes_back_turned_grey_and_captioned_live(
    suite: Suite, browser: Browser, language: str, phone: bool, title: str
) -> None:
    context = visitor(browser, language, phone)
    page = opened(context, f"{suite.url}/upload/")
    expect(page.locator("html")).to_have_attribute("lang", language[:2] if language == "en-US" else language)
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    name = f"férias em {language}.jpg"
    page.get_by_test_id("file-input").set_input_files(files(name, f"2 {name}"))

    for wanted in (name, f"2 {name}"):
        card = page.get_by_test_id("image-card").filter(has_text=wanted).first
        for operation in ("rotate", "grayscale", "caption"):
            result = card.locator(f'[data-testid="result"][data-operation="{operation}"]')
            expect(result).to_have_attribute("data-status", "done", timeout=TIMEOUT_MS)
        assert shown(page, card) == [480] * 4  # of photos that are 1600 wide
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"upload-{language}{'-phone' if phone else ''}")

    page.reload()  # nothing that was shown is lost
    card = page.get_by_test_id("image-card").filter(has_text=name).first
    expect(card.locator('[data-testid="result"][data-status="done"]')).to_have_count(3, timeout=TIMEOUT_MS)
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_what_is_refused_says_why_in_the_visitors_language(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/upload/")
    page.get_by_test_id("file-input").set_input_files(
        [{"name": "foto.png", "mimeType": "image/png", "buffer": b"<html></html>"}]
    )
    row = page.get_by_test_id("upload-row").filter(has_text="foto.png")
    expect(row).to_have_attribute("data-state", "refused", timeout=TIMEOUT_MS)
    expect(row).to_contain_text("não é aceito")
    screenshot(page, "refused-pt-BR")
    context.close()


def test_the_language_can_be_switched_and_stays(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/upload/")
    page.get_by_test_id("lang-en").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{suite.url}/index.html")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{suite.url}/upload/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()


@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_the_start_page_shows_what_is_up(suite: Suite, browser: Browser, language: str) -> None:
    context = visitor(browser, language)
    page = opened(context, f"{suite.url}/index.html")
    for name in ("rotate-worker", "grayscale-worker", "caption-worker"):
        service = page.locator(f'[data-testid="service"][data-name="{name}"]')
        expect(service).to_have_attribute("data-state", "up", timeout=TIMEOUT_MS)
    screenshot(page, f"start-{language}")
    page.locator('a[href="/upload/"]').first.click()
    expect(page.get_by_test_id("drop-zone")).to_be_visible()
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_the_start_page_leads_to_the_documents(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR", phone=True, color_scheme="dark")
    page = opened(context, f"{suite.url}/index.html")
    page.get_by_role("link", name="Para programas").click()
    expect(page).to_have_url(f"{suite.url}/documents/pt-BR/")
    documents = {"upload": "Imagens: a API HTTP", "chat": "Conversas: a API HTTP", "events": "Tópicos e eventos"}
    for name, title in documents.items():
        page.get_by_role("link", name=title).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), title
        page.get_by_role("link", name="Todos os documentos").click()
        assert faults(opened(context, f"{suite.url}/documents/pt-BR/{name}.html")) == []
    page.get_by_role("link", name="EN, English").click()
    expect(page).to_have_url(f"{suite.url}/documents/")
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


@pytest.mark.parametrize(("language", "words"), [("pt-BR", "Ao vivo"), ("en-US", "Live")])
def test_the_root_leads_to_the_live_page(suite: Suite, browser: Browser, language: str, words: str) -> None:
    context = visitor(browser, language)
    page = opened(context, f"{suite.url}/")
    expect(page).to_have_url(f"{suite.url}/live/")
    expect(page.locator(".site-service")).to_have_text(words)
    screenshot(page, f"live-{language}")
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


AWAY = {"type": "urn:problem:away", "title": "Service Unavailable", "status": 503, "detail": "…"}
"""What a gateway says in the place of a service that is off."""


def test_the_start_page_of_the_conversations_alone_knows_who_works(suite: Suite, browser: Browser) -> None:
    """`docker compose up chatbot sentiment-consumer nginx`: the pictures page cannot tell."""
    context = visitor(browser, "en-US")
    for away in ("**/upload/**", "**/live/**"):
        context.route(away, lambda route: route.fulfill(status=503, json=AWAY))
    groups = {"sentiment-consumer": {"members": 2}, "rotate-worker": {"members": 0}}
    context.route("**/chat/api/groups", lambda route: route.fulfill(json={"groups": groups}))
    page = opened(context, f"{suite.url}/index.html")

    def service(name: str) -> Locator:
        return page.locator(f'[data-testid="service"][data-name="{name}"]')

    up, off = ("chatbot", "broker", "sentiment-consumer"), ("image-upload", "rotate-worker", "notifier")
    for name, state in (dict.fromkeys(up, "up") | dict.fromkeys(off, "off")).items():
        expect(service(name)).to_have_attribute("data-state", state, timeout=TIMEOUT_MS)
    expect(service("sentiment-consumer")).to_contain_text("2 instances running")
    screenshot(page, "start-conversations")

    context.route("**/chat/**", lambda route: route.fulfill(status=503, json=AWAY))
    expect(service("chatbot")).to_have_attribute("data-state", "off", timeout=TIMEOUT_MS)
    for name in ("broker", "sentiment-consumer"):
        expect(service(name)).to_have_attribute("data-state", "unknown", timeout=TIMEOUT_MS)
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_the_start_page_blames_nobody_but_the_broker_where_that_is_away(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    reason = "broker: no broker answers at broker:29092"
    checks = {"checks": {"broker": False, "store": True}, "reason": reason}
    context.route("**/live/readyz", lambda route: route.fulfill(status=503, json=AWAY))
    context.route("**/upload/readyz", lambda route: route.fulfill(status=503, json=checks))
    context.route("**/api/groups", lambda route: route.fulfill(status=503, json=AWAY))
    page = opened(context, f"{suite.url}/index.html")
    for name, state in {"image-upload": "degraded", "broker": "off", "rotate-worker": "unknown"}.items():
        card = page.locator(f'[data-testid="service"][data-name="{name}"]')
        expect(card).to_have_attribute("data-state", state, timeout=TIMEOUT_MS)
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_a_picture_sent_elsewhere_appears_without_reload(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/upload/")
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    (image,) = suite.upload(("elsewhere.jpg", encoded(quarters())))
    card = page.locator(f'[data-testid="image-card"][data-id="{image["id"]}"]')
    expect(card.locator('[data-testid="result"][data-status="done"]')).to_have_count(3, timeout=TIMEOUT_MS)
    context.close()


# Who is told when it is done.


def chosen(page: Page, name: str) -> Locator:
    """Choose a picture; returns its row."""
    page.get_by_test_id("file-input").set_input_files(files(name))
    return page.get_by_test_id("upload-row").filter(has_text=name)


def card_of(page: Page, name: str) -> Locator:
    return page.get_by_test_id("image-card").filter(has_text=name)


def test_an_address_is_checked_corrected_sent_and_kept_only_if_asked(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/upload/")
    page.get_by_test_id("contact").locator("summary").click()
    email, telegram = page.get_by_test_id("email"), page.get_by_test_id("telegram-id")

    telegram.fill("doze")
    telegram.blur()
    expect(telegram).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Este ID do Telegram não é válido").first).to_be_visible()
    row = chosen(page, "aviso.jpg")
    expect(row).to_have_attribute("data-state", "held")

    email.fill("ana@exemplo")  # good for the browser, not for the server
    telegram.fill("-1001234")
    telegram.blur()
    expect(email).to_have_attribute("aria-invalid", "true", timeout=TIMEOUT_MS)
    expect(row).to_have_attribute("data-state", "held")
    expect(row).to_contain_text("Assim que for corrigido")
    screenshot(page, "contact-pt-BR")

    email.fill("ana@exemplo.org")
    email.blur()
    expect(email).not_to_have_attribute("aria-invalid", "true")
    expect(card_of(page, "aviso.jpg")).to_be_visible(timeout=TIMEOUT_MS)
    (event,) = suite.records("image", lambda record: b'"aviso.jpg"' in record.value)
    sent = json.loads(event.value)
    assert (sent["email"], sent["telegram_id"]) == ("ana@exemplo.org", "-1001234")

    page.reload()
    expect(email).to_have_value("")
    page.get_by_test_id("contact").locator("summary").click()
    email.fill("ana@exemplo.org")
    page.get_by_test_id("remember").check()
    page.reload()
    expect(email).to_have_value("ana@exemplo.org")
    page.get_by_test_id("contact").locator("summary").click()
    page.get_by_test_id("remember").uncheck()
    page.reload()
    expect(email).to_have_value("")
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_without_a_connection_an_upload_says_so_and_goes_on_when_it_is_back(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/upload/")
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    context.set_offline(True)
    row = chosen(page, "train.jpg")
    expect(row).to_have_attribute("data-state", "retrying", timeout=TIMEOUT_MS)
    expect(row).to_contain_text("This device is offline.")
    context.set_offline(False)
    expect(card_of(page, "train.jpg")).to_be_visible(timeout=TIMEOUT_MS)
    context.close()


def test_a_file_that_cannot_be_read_is_refused_alone(suite: Suite, browser: Browser, tmp_path: Path) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/upload/")
    page.get_by_test_id("contact").locator("summary").click()
    page.get_by_test_id("telegram-id").fill("x")  # so that nothing is sent yet
    page.get_by_test_id("telegram-id").blur()
    paths = [tmp_path / name for name in ("gone.jpg", "there.jpg")]
    for path in paths:
        path.write_bytes(encoded(quarters()))
    page.get_by_test_id("file-input").set_input_files(paths)
    row = page.get_by_test_id("upload-row").filter(has_text="gone.jpg")
    expect(row).to_have_attribute("data-state", "held")
    paths[0].rename(tmp_path / "elsewhere")
    page.get_by_test_id("telegram-id").fill("")
    page.get_by_test_id("telegram-id").blur()
    expect(row).to_have_attribute("data-state", "refused", timeout=TIMEOUT_MS)
    expect(row).to_contain_text("The file cannot be read.")
    expect(card_of(page, "there.jpg")).to_be_visible(timeout=TIMEOUT_MS)
    screenshot(page, "unreadable")

    (tmp_path / "elsewhere").rename(paths[0])
    row.get_by_role("button", name="Send again").click()
    expect(card_of(page, "gone.jpg")).to_be_visible(timeout=TIMEOUT_MS)
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


DROP = """good => {
    const file = (name) => ({ isFile: true, name, file: (give) => give(new File([new Uint8Array(good)], name)) });
    const gone = { isFile: true, name: "gone.jpg", file: (give, fail) => fail(new DOMException("", "NotFoundError")) };
    const folder = (name, ...reads) => ({
        isDirectory: true, name, createReader: () => ({
            readEntries(give, fail) {
                const read = reads.shift() ?? [];
                if (read === "fails") fail(new DOMException("", "NotReadableError"));
                else give(read);
            },
        }),
    });
    const trip = folder("trip", [file("a.jpg"), gone, folder("locked", "fails")], [file("b.jpg")]);
    const dataTransfer = { types: ["Files"], files: [], items: [{ webkitGetAsEntry: () => trip }] };
    dispatchEvent(Object.assign(new Event("drop", { cancelable: true }), { dataTransfer }));
}"""
"""Drops a folder with two files, one that cannot be had, and a folder that cannot be listed."""


def test_of_a_folder_all_is_sent_that_can_be_read_and_the_rest_is_told(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/upload/")
    page.evaluate(DROP, list(encoded(quarters())))
    for name in ("a.jpg", "b.jpg"):
        expect(card_of(page, name).first).to_be_visible(timeout=TIMEOUT_MS)
    rows = page.get_by_test_id("upload-row")
    expect(rows.filter(has_text="gone.jpg")).to_contain_text("Não é possível ler o arquivo.")
    expect(rows.filter(has_text="locked")).to_contain_text("Não é possível ler a pasta.")
    expect(rows).to_have_count(2)
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


# Original and result.


@pytest.fixture(scope="module")
def picture(suite: Suite) -> dict[str, Any]:
    """A picture whose operations are all done."""
    (image,) = suite.upload(("perfil.jpg", encoded(quarters((1600, 1200)))))
    return suite.finished(image["id"])


def frame(page: Page, image: dict[str, Any], operation: str) -> Locator:
    card = page.locator(f'[data-testid="image-card"][data-id="{image["id"]}"]')
    return card.locator(f'[data-testid="result"][data-operation="{operation}"] button')


def test_original_and_result_lie_under_one_slider(suite: Suite, browser: Browser, picture: dict[str, Any]) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/upload/")
    compare, slider = page.get_by_test_id("compare"), page.get_by_test_id("compare-range")
    frame(page, picture, "grayscale").focus()
    page.keyboard.press("Enter")
    expect(compare).to_have_attribute("data-mode", "slider", timeout=TIMEOUT_MS)
    expect(slider).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("51")
    expect(slider).to_have_attribute("aria-valuetext", "51% original")
    page.keyboard.press("Home")
    expect(slider).to_have_value("0")

    box = compare.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 60)
    page.mouse.up()
    expect(slider).to_have_value("25")
    screenshot(page, "compare")

    page.locator('.lightbox-kind[data-kind="rotate"]').click()
    expect(slider).to_have_attribute("aria-label", re.compile("Rotated"))
    expect(compare).to_have_attribute("data-mode", "slider")
    page.get_by_test_id("compare-toggle").click()
    expect(compare).to_have_attribute("data-mode", "alone")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("lightbox")).to_be_hidden()
    expect(frame(page, picture, "grayscale")).to_be_focused()
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_shapes_that_differ_stand_side_by_side(suite: Suite, browser: Browser, picture: dict[str, Any]) -> None:
    context = visitor(browser, "en-US", phone=True)
    turned = encoded(quarters((1200, 1600)))
    context.route("**/rotate", lambda route: route.fulfill(body=turned, content_type="image/jpeg"))
    page = opened(context, f"{suite.url}/upload/")
    frame(page, picture, "rotate").click()
    expect(page.get_by_test_id("compare")).to_have_attribute("data-mode", "sides", timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("compare-range")).to_be_disabled()
    screenshot(page, "compare-phone")
    context.close()


def test_a_long_name_pushes_nothing_off_a_phone(suite: Suite, browser: Browser) -> None:
    name = f"{'uma foto de nome comprido, ' * 5}.jpg"
    (image,) = suite.upload((name, encoded(quarters())))
    context = visitor(browser, "pt-BR", phone=True)
    page = opened(context, f"{suite.url}/upload/")
    page_file = {"name": name, "mimeType": "image/jpeg", "buffer": b"<html></html>"}
    page.get_by_test_id("file-input").set_input_files([page_file])
    row = page.get_by_test_id("upload-row")
    expect(row).to_have_attribute("data-state", "refused", timeout=TIMEOUT_MS)
    row.evaluate("row => row.scrollIntoView({block: 'center'})")
    expect(row.locator(".upload-size")).to_be_in_viewport(ratio=1)

    page.locator(f'[data-testid="image-card"][data-id="{image["id"]}"]').get_by_test_id("original").click()
    for button in ("#lightbox-close", "#lightbox-previous", "#lightbox-next"):
        expect(page.locator(button)).to_be_in_viewport(ratio=1)
    context.close()


def test_a_format_that_no_browser_shows_is_seen_all_the_same(suite: Suite, browser: Browser) -> None:
    (image,) = suite.upload(("scan.tiff", encoded(quarters((2400, 1800)), "TIFF", compression="tiff_lzw")))
    done = suite.finished(image["id"])
    context = visitor(browser, "en-US")
    asked: list[str] = []
    context.on(
        "request", lambda request: asked.append(urlsplit(request.url).query) if image["id"] in request.url else None
    )
    page = opened(context, f"{suite.url}/upload/")
    card = page.locator(f'[data-testid="image-card"][data-id="{image["id"]}"]')
    assert shown(page, card) == [480] * 4
    frame(page, done, "grayscale").click()
    expect(page.get_by_test_id("compare")).to_have_attribute("data-mode", "slider", timeout=TIMEOUT_MS)
    assert (
        page.locator("#compare-before, #lightbox-picture").evaluate_all(
            "images => images.map(image => image.naturalWidth)"
        )
        == [1600] * 2
    )
    screenshot(page, "compare-tiff")
    assert set(asked) == {"width=480", "width=1600"}
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_what_cannot_be_shown_at_all_can_be_downloaded(suite: Suite, browser: Browser, picture: dict[str, Any]) -> None:
    context = visitor(browser, "en-US")
    context.route("**/original", lambda route: route.fulfill(body=b"II*\0", content_type="image/tiff"))
    context.route("**/original?width=*", lambda route: route.fulfill(status=422))
    page = opened(context, f"{suite.url}/upload/")
    card = page.locator(f'[data-testid="image-card"][data-id="{picture["id"]}"]')
    tile = card.get_by_test_id("original")
    expect(tile).to_contain_text("no preview", timeout=TIMEOUT_MS)
    expect(tile.locator("img")).to_have_count(0)
    frame(page, picture, "grayscale").click()
    expect(page.get_by_test_id("compare")).to_have_attribute("data-mode", "alone", timeout=TIMEOUT_MS)
    page.locator('.lightbox-kind[data-kind="original"]').click()
    expect(page.get_by_test_id("no-preview")).to_contain_text("This browser cannot show", timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("no-preview").locator("a")).to_have_attribute("download", "perfil.jpg")
    context.close()


def test_downloads_have_names_that_tell_them_apart(suite: Suite, browser: Browser, picture: dict[str, Any]) -> None:
    context = visitor(browser, "en-US", accept_downloads=True)
    page = opened(context, f"{suite.url}/upload/")
    card = page.locator(f'[data-testid="image-card"][data-id="{picture["id"]}"]')
    for operation in picture["operations"]:
        result = card.locator(f'[data-testid="result"][data-operation="{operation}"]')
        with page.expect_download() as download:
            result.locator("a[download]").click()
        assert download.value.suggested_filename == f"perfil_{operation}.jpeg"
    context.close()


# Many, and everybody.


def numbered(number: int) -> dict[str, Any]:
    """One of many pictures, as the API shows it; a greater number is newer."""
    names = {"id": f"i{number}", "new_file": f"i{number}.jpeg", "original_name": f"{number}.jpg"}
    done = {"status": "done", "url": None, "reason": None}
    return names | {"timestamp": 1_700_000_000 + number, "operations": {"rotate": done}}


def list_many(context: BrowserContext, count: int, events: str = "") -> None:
    """Answer the page with a list of so many pictures, and a stream of these events that ends at once."""
    small = encoded(quarters((32, 24)))

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        query = parse_qs(address.query)
        if address.path.endswith("/api/images"):
            first = int(query.get("before", [f"i{count}"])[0][1:]) - 1
            last = max(first - int(query["limit"][0]), -1)
            route.fulfill(json={"images": [numbered(number) for number in range(first, last, -1)]})
        else:
            route.fulfill(body=small, content_type="image/jpeg")

    context.route("**/upload/api/images**", answer)
    context.route("**/upload/api/images/**", answer)
    context.route("**/upload/api/events", lambda route: route.fulfill(body=events, content_type="text/event-stream"))


def scroll_down(page: Page) -> None:
    """Scroll until all pictures are listed."""
    page.wait_for_function(
        "() => { scrollTo(0, document.documentElement.scrollHeight); return document.getElementById('more').hidden; }"
    )


def test_a_thousand_pictures_are_listed_and_only_those_in_sight_loaded(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    list_many(context, 1000)
    page = opened(context, f"{suite.url}/upload/")
    expect(page.get_by_test_id("image-card").first).to_be_visible()
    scroll_down(page)
    expect(page.get_by_test_id("image-card")).to_have_count(1000)
    expect(page.get_by_text("0.jpg", exact=True)).to_be_visible()
    page.wait_for_function("() => document.querySelectorAll('[data-testid=image-card] img').length < 200")
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_an_event_of_an_old_picture_hides_none_of_those_in_between(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    list_many(context, 130, f"event: image\ndata: {json.dumps(numbered(10))}\n\n")
    page = opened(context, f"{suite.url}/upload/")
    expect(page.locator('[data-testid="image-card"][data-id="i10"]')).to_be_attached()
    scroll_down(page)
    cards = page.get_by_test_id("image-card").evaluate_all("cards => cards.map(card => card.dataset.id)")
    assert cards == [f"i{number}" for number in reversed(range(130))]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
@pytest.mark.parametrize("language", ["pt-BR", "en-US"])
def test_axe_finds_nothing(
    suite: Suite, browser: Browser, picture: dict[str, Any], language: str, phone: bool, scheme: str
) -> None:
    context = visitor(browser, language, phone, color_scheme=scheme, reduced_motion="reduce")
    page = opened(context, f"{suite.url}/index.html")
    expect(page.get_by_test_id("service").first).to_have_attribute("data-state", "up", timeout=TIMEOUT_MS)
    found = faults(page)

    def nothing(route: Route) -> None:
        route.fulfill(json={"images": []})

    page.route("**/api/images?*", nothing)
    page.route("**/api/events", lambda route: route.abort())
    page.goto(f"{suite.url}/upload/")
    expect(page.locator("#empty")).to_be_visible()
    found += faults(page)
    page.unroute_all()

    page.goto(f"{suite.url}/upload/")
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    page.get_by_test_id("contact").locator("summary").click()
    page.get_by_test_id("telegram-id").fill("x")
    page.get_by_test_id("telegram-id").blur()
    expect(page.locator("#telegram-id-problem")).to_be_visible()
    expect(chosen(page, "held.jpg")).to_have_attribute("data-state", "held")
    page.get_by_test_id("telegram-id").fill("")
    page.get_by_test_id("email").fill("x")
    page.get_by_test_id("email").blur()
    page_file = {"name": "page.png", "mimeType": "image/png", "buffer": b"<html></html>"}
    page.get_by_test_id("file-input").set_input_files([page_file])
    found += faults(page)
    page.get_by_test_id("email").fill("")
    page.get_by_test_id("email").blur()
    refused = page.get_by_test_id("upload-row").filter(has_text="page.png")
    expect(refused).to_have_attribute("data-state", "refused", timeout=TIMEOUT_MS)
    found += faults(page)
    screenshot(page, f"upload-{language}{'-phone' if phone else ''}-{scheme}")

    frame(page, picture, "rotate").click()
    expect(page.get_by_test_id("compare")).to_have_attribute("data-mode", "slider", timeout=TIMEOUT_MS)
    found += faults(page)
    screenshot(page, f"compare-{language}{'-phone' if phone else ''}")
    assert found == []
    assert page.errors == []  # type: ignore[attr-defined]
    context.close()


def test_the_mails_lie_on_a_page_of_the_gateway(suite: Suite, browser: Browser) -> None:
    name = f"{uuid.uuid4().hex[:8]}.jpg"
    address = f"{name}@example.org"
    suite.upload((name, encoded(quarters())), email=address, lang="en")
    eventually(lambda: len(suite.mails(address)) == 3, 60, every=0.5)
    context = visitor(browser, "en-US")
    page = context.new_page()
    page.goto(f"{suite.url}/mail/")
    for sentence in ("was rotated.", "was turned into black and white."):
        expect(page.get_by_text(f"The file {name} {sentence}").first).to_be_visible(timeout=TIMEOUT_MS)
    screenshot(page, "mail")
    context.close()
