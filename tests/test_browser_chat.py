"""The conversation in two browsers, a customer's and an attendant's. Runs against `make run` and the containers."""

import json
import re
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from browsers import TIMEOUT_MS, faults, opened, screenshot, visitor
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from suite_fixtures import Suite, eventually

pytestmark = [pytest.mark.browser, pytest.mark.broker]


@dataclass(frozen=True)
class Words:
    """What is said in the story, and what the pages say to it."""

    friendly: tuple[str, str]
    angry: str
    waiting: str
    human: str
    back: str
    closed: str
    sure: str
    wish: str
    calling: str
    asked: str


WORDS = {
    "pt-BR": Words(
        friendly=("Oi, bom dia!", "Muito obrigada, que atendimento ótimo!"),
        angry="Que serviço horrível, estou furioso, ninguém resolve nada!",
        waiting="Uma pessoa foi chamada",
        human="Ana está atendendo você.",
        back="O robô voltou a responder.",
        closed="Esta conversa foi encerrada.",
        sure="de certeza",
        wish="Quero falar com uma pessoa.",
        calling="Chamei uma pessoa",
        asked="Pediu para falar com uma pessoa",
    ),
    "en-US": Words(
        friendly=("Hello, good morning!", "Thank you so much, this is great!"),
        angry="What a horrible service, I am furious, nobody solves anything!",
        waiting="A person has been called",
        human="A person, Ana, is with you.",
        back="The robot is answering again.",
        closed="This conversation is over.",
        sure="sure",
        wish="I want to talk to a person.",
        calling="I have called a person",
        asked="Asked for a person",
    ),
}


def named(name: str) -> str:
    """A name that no other test has."""
    return f"{name} {uuid.uuid4().hex[:6]}"


def customer(context: BrowserContext, suite: Suite, name: str) -> Page:
    """The chat page, a conversation begun."""
    page = opened(context, f"{suite.url}/chat/")
    page.get_by_test_id("name").fill(name)
    page.get_by_test_id("begin").click()
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    return page


def attendant(context: BrowserContext, suite: Suite, name: str | None = None) -> Page:
    """The console, entered by token; `name` as if it had been given before."""
    page = opened(context, f"{suite.url}/chat/attendant")
    if name:
        page.evaluate("name => localStorage.setItem('attendant', JSON.stringify(name))", name)
    page.get_by_test_id("token").fill(suite.token)
    page.get_by_test_id("enter").click()
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    return page


def messages(page: Page, speaker: str | None = None) -> Locator:
    return page.locator('[data-testid="message"]' + (f'[data-from="{speaker}"]' if speaker else ""))


def say(page: Page, text: str) -> None:
    """Write, send, and see it delivered."""
    page.get_by_test_id("text").fill(text)
    page.get_by_test_id("text").press("Enter")
    sent = page.locator('[data-testid="message"][data-own]').filter(has_text=text).last
    expect(sent).to_have_attribute("data-state", "delivered", timeout=TIMEOUT_MS)


def row_of(console: Page, name: str) -> Locator:
    return console.get_by_test_id("queue-row").filter(has_text=name)


def shown(page: Page) -> list[str]:
    return page.locator(".message-text").all_inner_texts()


def banner(page: Page, state: str, words: str) -> None:
    expect(page.get_by_test_id("banner")).to_have_attribute("data-state", state, timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("banner")).to_contain_text(words)


def session_of(page: Page) -> str:
    sessao: str = page.evaluate("JSON.parse(sessionStorage.getItem('chat')).sessao")
    return sessao


class Streams:
    """A server of event streams that says what a test has it say, and nothing by itself: no pings either."""

    def __init__(self) -> None:
        self.present: list[tuple[str, Any]] = []
        """What each stream begins with."""
        self.open: list[BaseHTTPRequestHandler] = []
        streams = self

        class Stream(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(b"retry: 100\n\n")
                for name, data in streams.present:
                    self.wfile.write(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
                streams.open.append(self)
                with suppress(OSError):
                    self.rfile.read()  # until one side ends it
                streams.open.remove(self)

            def log_message(self, *_arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Stream)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def serve(self, context: BrowserContext, path: str) -> None:
        """From now on the pages of `context` follow what they ask for at `path` here; `made` there counts how often."""
        context.add_init_script(
            "window.made = 0; window.pings = 0;"
            "window.EventSource = class extends EventSource { constructor(...given) {"
            "  super(...given); window.made += 1; this.addEventListener('ping', () => { window.pings += 1; }); } };"
        )
        url = f"http://127.0.0.1:{self._server.server_port}/"
        context.route(path, lambda route: route.continue_(url=url))

    def ping(self) -> None:
        for stream in self.open:
            stream.wfile.write(b"event: ping\ndata:\n\n")

    def end(self) -> None:
        for stream in [*self.open]:
            stream.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.end()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def streams() -> Iterator[Streams]:
    streams = Streams()
    yield streams
    streams.close()


def hide(page: Page, hidden: bool) -> None:
    """Turn to another tab, or back."""
    page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def healthy(*pages: Page) -> None:
    """No errors, no breach of the policy, nothing wider than the window."""
    for page in pages:
        assert page.errors == []  # type: ignore[attr-defined]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def grow_angry(page: Page, console: Page, name: str, words: Words) -> None:
    """The customer is friendly, then no more; the console lights up and says why."""
    row = row_of(console, name)
    for number, friendly in enumerate(words.friendly, 1):
        say(page, friendly)
        expect(messages(page, "robo")).to_have_count(number, timeout=TIMEOUT_MS)
    expect(row).to_have_attribute("data-state", "bot", timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "bot")
    say(page, words.angry)
    expect(row).to_have_attribute("data-state", "waiting", timeout=TIMEOUT_MS)
    expect(row.get_by_test_id("reason")).to_contain_text(words.angry)
    expect(row.get_by_test_id("reason")).to_contain_text(re.compile(rf"\d+\s?% {words.sure}"))
    assert re.match(r"\(\d+\) ", console.title())
    banner(page, "waiting", words.waiting)


def take_over(page: Page, console: Page, name: str, words: Words) -> None:
    """Ana opens the conversation, sees how each message sounds, and takes it."""
    row = row_of(console, name)
    row.press("Enter")
    angry = messages(console).filter(has_text=words.angry)
    expect(angry.locator('[data-sentiment="negative"]')).to_contain_text("%", timeout=TIMEOUT_MS)
    expect(console.get_by_test_id("chart").locator("svg")).to_have_attribute("aria-label", re.compile(r"3.*: .*, .*, "))
    expect(console.get_by_test_id("desk-reason")).to_contain_text(words.angry)
    expect(page.get_by_test_id("feel")).to_have_count(0)  # that the customer is not told
    expect(console.get_by_test_id("composer")).to_be_hidden()
    console.get_by_test_id("take").click()
    console.get_by_test_id("my-name").fill("Ana")
    console.get_by_test_id("save-name").click()
    expect(console.get_by_test_id("text")).to_be_focused(timeout=TIMEOUT_MS)
    expect(row).to_have_attribute("data-state", "human")
    banner(page, "human", words.human)


def talk(page: Page, console: Page) -> None:
    """Both speak, and the robot does not."""
    robot = messages(page, "robo").count()
    say(console, "May I help?")
    expect(messages(page, "atendente")).to_contain_text(["May I help?"], timeout=TIMEOUT_MS)
    say(page, "Please do.")
    expect(messages(console, "cliente").filter(has_text="Please do.")).to_be_visible(timeout=TIMEOUT_MS)
    say(console, "It is done.")
    expect(messages(page, "atendente")).to_have_count(2, timeout=TIMEOUT_MS)
    expect(messages(page, "robo")).to_have_count(robot)


@pytest.mark.parametrize(
    ("language", "phone"), [("pt-BR", False), ("en-US", True)], ids=["Portuguese, wide", "English, phone"]
)
def test_a_customer_grows_angry_and_a_person_takes_over(
    suite: Suite, browser: Browser, language: str, phone: bool
) -> None:
    words, name = WORDS[language], named("Maria")
    theirs, ours = visitor(browser, language, phone), visitor(browser, language, phone)
    page, console = customer(theirs, suite, name), attendant(ours, suite)
    grow_angry(page, console, name, words)
    screenshot(console, f"queue-{language}")
    screenshot(page, f"chat-waiting-{language}")
    take_over(page, console, name, words)
    talk(page, console)
    screenshot(console, f"console-{language}")
    screenshot(page, f"chat-human-{language}")

    said = shown(page)
    for one in (page, console):
        assert shown(one) == said
        one.reload()
        expect(messages(one)).to_have_count(len(said), timeout=TIMEOUT_MS)
        assert shown(one) == said
    banner(page, "human", words.human)

    console.get_by_test_id("release").click()
    banner(page, "bot", words.back)
    expect(console.get_by_test_id("composer")).to_be_hidden()
    answers = messages(page, "robo").count()
    say(page, words.friendly[0])
    expect(messages(page, "robo")).to_have_count(answers + 1, timeout=TIMEOUT_MS)

    console.get_by_test_id("close").click()
    banner(page, "closed", words.closed)
    expect(row_of(console, name)).to_have_attribute("data-state", "closed", timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("composer")).to_be_hidden()
    page.get_by_test_id("begin-anew").click()
    expect(page.get_by_test_id("name")).to_have_value(name)
    page.get_by_test_id("begin").click()
    expect(page.get_by_test_id("banner")).to_have_attribute("data-state", "bot", timeout=TIMEOUT_MS)
    expect(messages(page)).to_have_count(0)
    healthy(page, console)
    theirs.close()
    ours.close()


@pytest.mark.parametrize(
    ("language", "phone"), [("pt-BR", True), ("en-US", False)], ids=["Portuguese, phone", "English, wide"]
)
def test_a_customer_asks_for_a_person_and_the_console_says_so(
    suite: Suite, browser: Browser, language: str, phone: bool
) -> None:
    words, name = WORDS[language], named("João")
    theirs, ours = visitor(browser, language, phone), visitor(browser, language, False)
    page, console = customer(theirs, suite, name), attendant(ours, suite)
    page.get_by_test_id("text").fill("half written")
    page.get_by_test_id("person").click()
    expect(messages(page, "cliente")).to_contain_text([words.wish], timeout=TIMEOUT_MS)
    expect(messages(page, "robo")).to_contain_text([words.calling], timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("text")).to_have_value("half written")
    banner(page, "waiting", words.waiting)
    expect(page.get_by_test_id("person")).to_be_hidden()
    row = row_of(console, name)
    expect(row).to_have_attribute("data-state", "waiting", timeout=TIMEOUT_MS)
    expect(row.get_by_test_id("reason")).to_have_text(f"{words.asked}: “{words.wish}”")
    screenshot(page, f"chat-asked-{language}")
    screenshot(console, f"queue-asked-{language}")
    row.press("Enter")
    expect(console.get_by_test_id("desk-reason")).to_contain_text(words.asked)
    healthy(page, console)
    theirs.close()
    ours.close()


def test_of_two_attendants_the_second_is_told_who_has_it(suite: Suite, browser: Browser) -> None:
    name = named("Davi")
    contexts = [visitor(browser, "pt-BR") for _ in range(3)]
    page = customer(contexts[0], suite, name)
    say(page, "Oi")
    ana, bruno = attendant(contexts[1], suite, "Ana"), attendant(contexts[2], suite, "Bruno")
    for console in (ana, bruno):
        row_of(console, name).click()
    contexts[2].route("**/api/attendant/events", lambda route: route.abort())
    bruno.reload()  # from now on he hears of nothing
    expect(bruno.get_by_test_id("take")).to_be_visible(timeout=TIMEOUT_MS)
    ana.get_by_test_id("take").click()
    banner(page, "human", "Ana está atendendo você.")
    bruno.get_by_test_id("take").click()
    expect(bruno.get_by_test_id("desk-problem")).to_have_text("Ana está com esta conversa.", timeout=TIMEOUT_MS)
    expect(bruno.get_by_test_id("composer")).to_be_hidden()
    screenshot(bruno, "taken-pt-BR")

    contexts[2].unroute_all()
    bruno.reload()
    expect(bruno.get_by_test_id("desk-state")).to_have_text("Com Ana", timeout=TIMEOUT_MS)
    expect(bruno.get_by_test_id("take")).to_be_hidden()
    healthy(page, ana, bruno)
    for context in contexts:
        context.close()


HOSTILE = [
    '<b id="bold">bold</b><script>document.title = "taken over"</script>',
    'مرحبا، كيف حالك؟ <img src="x" onerror="document.title = 1">',
    "👩🏽‍🚀🎉",
    "x" * 1500,
    "{name} %s {{ 7 * 7 }} first line\n  second line",
]


def test_what_people_write_is_shown_as_they_wrote_it(suite: Suite, browser: Browser) -> None:
    name = named("<i>Lia</i> مريم")
    theirs, ours = visitor(browser, "en-US", phone=True), visitor(browser, "en-US")
    page, console = customer(theirs, suite, name), attendant(ours, suite, "<u>Zé</u>")
    for text in HOSTILE:
        page.get_by_test_id("text").fill(text)
        page.get_by_test_id("send").click()
    expect(messages(page, "robo")).to_have_count(len(HOSTILE), timeout=TIMEOUT_MS)
    row_of(console, name).click()
    expect(messages(console)).to_have_count(2 * len(HOSTILE), timeout=TIMEOUT_MS)
    console.get_by_test_id("take").click()
    say(console, HOSTILE[0])
    expect(messages(page, "atendente")).to_have_count(1, timeout=TIMEOUT_MS)
    for one in (page, console):
        assert messages(one, "cliente").locator(".message-text").all_text_contents() == HOSTILE
        assert one.locator(".log b, .log img, .log i, .log u, .log script").count() == 0
        directions = (
            messages(one, "cliente")
            .locator(".message-text")
            .evaluate_all("texts => texts.map(text => getComputedStyle(text).direction)")
        )
        assert directions[:2] == ["ltr", "rtl"]
    expect(page.get_by_test_id("banner")).to_contain_text("<u>Zé</u>")
    screenshot(page, "hostile-phone")
    healthy(page, console)
    theirs.close()
    ours.close()


def test_enter_sends_and_shift_enter_begins_a_line(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = customer(context, suite, named("Joe"))
    expect(page.get_by_test_id("text")).to_be_focused()
    page.keyboard.press("Enter")  # nothing to send
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    expect(messages(page, "robo")).to_have_count(1, timeout=TIMEOUT_MS)
    assert messages(page, "cliente").locator(".message-text").all_text_contents() == ["one\ntwo"]
    expect(page.get_by_test_id("text")).to_have_value("")
    healthy(page)
    context.close()


INPUT_METHOD_ENTER = """text => {
  const event = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
  Object.defineProperty(event, "keyCode", { value: 229 });
  return text.dispatchEvent(event);
}"""
"""As Safari tells of the Enter that ends a composition: `isComposing` is false already."""


def test_enter_of_an_input_method_sends_nothing(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = customer(context, suite, named("Yuki"))
    page.get_by_test_id("text").fill("にほんご")
    assert page.get_by_test_id("text").evaluate(INPUT_METHOD_ENTER), "the key is left to the input method"
    expect(page.get_by_test_id("text")).to_have_value("にほんご")
    say(page, "日本語")
    assert [one for one in shown(page) if "ほ" in one] == []
    context.close()


def test_a_name_does_not_turn_the_sentence_around_it(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/chat/")
    sentence = """name => import("/chat/web/static/page.js").then(
        ({ interpolate }) => interpolate("A person, {attendant}, is with you.", { attendant: name }))"""
    assert page.evaluate(sentence, "\u202eBia\u2067") == "A person, Bia, is with you."
    assert page.evaluate(sentence, "مريم") == "A person, \u2068مريم\u2069, is with you."
    context.close()


@pytest.mark.parametrize(
    ("status", "answer", "sentence"),
    [
        (429, {"detail": "Too many messages; please wait a moment."}, "Too many messages; please wait a moment."),
        (503, {"detail": "Kafka does not answer at the moment."}, "Kafka does not answer at the moment."),
        (409, {"detail": "This conversation is closed."}, "This conversation is closed."),
        (502, None, "The server cannot take this just now."),
        (None, None, "The server cannot be reached."),
    ],
)
def test_a_message_that_does_not_get_through_says_why_and_can_be_sent_again(
    suite: Suite, browser: Browser, status: int | None, answer: Any, sentence: str
) -> None:
    keys: list[str] = []

    def refuse(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if status:
            route.fulfill(status=status, json=answer)
        else:
            route.abort()

    context = visitor(browser, "en-US")
    page = customer(context, suite, named("Eva"))
    context.route("**/messages", refuse)
    page.get_by_test_id("text").fill("Is anybody there?")
    page.keyboard.press("Enter")
    message = messages(page, "cliente")
    expect(message).to_have_attribute("data-state", "failed", timeout=TIMEOUT_MS)
    expect(message).to_contain_text(f"Not delivered: {sentence}")
    screenshot(page, f"failed-{status}")
    context.unroute_all()
    with page.expect_request("**/messages") as again:
        message.get_by_role("button", name="Send again").click()
    assert (again.value.headers["idempotency-key"] in keys) == (status != 409)  # of that it is known that it failed
    expect(message).to_have_attribute("data-state", "delivered", timeout=TIMEOUT_MS)
    expect(messages(page, "robo")).to_have_count(1, timeout=TIMEOUT_MS)
    healthy(page)
    context.close()


@pytest.mark.parametrize("back", [True, False], ids=["fails where it is open again", "fails while another is open"])
def test_what_fails_after_the_attendant_turned_away_can_be_sent_again(
    suite: Suite, browser: Browser, back: bool
) -> None:
    names = [named("Ana"), named("Rui")]
    contexts = [visitor(browser, "en-US") for _ in range(3)]
    ours = contexts[2]
    pages = [customer(context, suite, name) for context, name in zip(contexts, names, strict=False)]
    for page, name in zip(pages, names, strict=True):
        say(page, f"I am {name}")
    console = attendant(ours, suite, "Bia")
    row_of(console, names[0]).click()
    console.get_by_test_id("take").click()
    expect(console.get_by_test_id("text")).to_be_focused(timeout=TIMEOUT_MS)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    ours.route("**/messages", hold)
    console.get_by_test_id("text").fill("May I help?")
    console.keyboard.press("Enter")
    expect(messages(console).last).to_have_attribute("data-state", "sending", timeout=TIMEOUT_MS)

    row_of(console, names[1]).click()
    expect(messages(console, "cliente")).to_contain_text([names[1]], timeout=TIMEOUT_MS)
    if back:
        row_of(console, names[0]).click()
        expect(messages(console, "cliente")).to_contain_text([names[0]], timeout=TIMEOUT_MS)
        console.get_by_test_id("text").fill("Hello?")
    held[0].fulfill(status=503, json={"detail": "Kafka does not answer at the moment."})
    if not back:
        row_of(console, names[0]).click()
    expect(console.get_by_test_id("text")).to_have_value(
        "May I help?\nHello?" if back else "May I help?", timeout=TIMEOUT_MS
    )
    if back:
        expect(console.get_by_test_id("desk-problem")).to_have_text(
            "Not delivered: Kafka does not answer at the moment."
        )
    ours.unroute_all()
    console.get_by_test_id("text").press("Enter")
    expect(messages(pages[0], "atendente")).to_contain_text(["May I help?"], timeout=TIMEOUT_MS)
    expect(messages(console, "atendente")).to_have_attribute("data-state", "delivered", timeout=TIMEOUT_MS)
    expect(console.get_by_test_id("desk-problem")).to_be_hidden()
    healthy(*pages, console)
    for context in contexts:
        context.close()


def test_a_message_sent_again_is_said_once(suite: Suite, browser: Browser, streams: Streams) -> None:
    """It arrived; neither the answer nor the stream came back to tell."""
    context = visitor(browser, "en-US")
    streams.serve(context, "**/chat/api/sessions/*/events")
    page = customer(context, suite, named("Ivo"))

    def swallow(route: Route) -> None:
        assert route.fetch().ok
        route.abort()

    context.route("**/messages", swallow)
    page.get_by_test_id("text").fill("Where is my order?")
    page.keyboard.press("Enter")
    message = messages(page, "cliente")
    expect(message).to_have_attribute("data-state", "failed", timeout=TIMEOUT_MS)
    context.unroute("**/messages")
    message.get_by_role("button", name="Send again").click()
    expect(message).to_have_attribute("data-state", "delivered", timeout=TIMEOUT_MS)
    say(page, "Where is my order?")  # written once more, it is another
    context.unroute_all()
    page.reload()
    expect(messages(page, "robo")).to_have_count(2, timeout=TIMEOUT_MS)
    expect(messages(page, "cliente")).to_have_count(2)
    healthy(page)
    context.close()


DENY_STORAGE = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });
}
"""


def test_where_the_browser_denies_storage_all_works_but_is_forgotten(suite: Suite, browser: Browser) -> None:
    name = named("Gil")
    theirs, ours = visitor(browser, "en-US"), visitor(browser, "en-US")
    for context in (theirs, ours):
        context.add_init_script(DENY_STORAGE)
    page, console = customer(theirs, suite, name), attendant(ours, suite)
    say(page, "Hello")
    row_of(console, name).click()
    console.get_by_test_id("take").click()
    console.get_by_test_id("my-name").fill("Bia")
    console.get_by_test_id("save-name").click()
    banner(page, "human", "A person, Bia, is with you.")
    page.reload()
    expect(page.get_by_test_id("entry")).to_be_visible(timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("name")).to_have_value("")
    healthy(page, console)
    theirs.close()
    ours.close()


def test_the_limit_is_told_before_it_is_reached(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = customer(context, suite, named("Rui"))
    most = int(page.get_by_test_id("composer").get_attribute("data-max") or 0)
    text, left = page.get_by_test_id("text"), page.get_by_test_id("left")
    text.fill("😀" * (most - 500))
    expect(left).to_be_hidden()
    text.fill("😀" * (most - 10))  # as the server counts: one each
    expect(left).to_have_text("Restam 10 caracteres")
    text.fill("x" * (most + 1))
    expect(left).to_contain_text("1 caracteres a mais")
    text.press("Enter")
    expect(text).to_have_attribute("aria-invalid", "true")
    expect(messages(page)).to_have_count(0)
    text.fill("x" * most)
    text.press("Enter")
    expect(messages(page, "robo")).to_have_count(1, timeout=TIMEOUT_MS)
    healthy(page)
    context.close()


def test_a_conversation_that_is_gone_makes_room_for_a_new_one(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = opened(context, f"{suite.url}/chat/")
    gone = '{"sessao": "00000000-0000-0000-0000-000000000000", "nome": "Eva"}'
    page.evaluate("gone => localStorage.setItem('chat', gone)", gone)
    page.reload()
    banner(page, "gone", "no longer kept")
    page.get_by_test_id("begin-anew").click()
    expect(page.get_by_test_id("name")).to_have_value("Eva")
    page.get_by_test_id("begin").click()
    say(page, "Hello again")
    healthy(page)
    context.close()


def test_what_was_said_while_a_page_was_offline_appears_when_it_is_back(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "en-US")
    page = customer(context, suite, named("Iris"))
    say(page, "one")
    context.set_offline(True)
    page.get_by_test_id("text").fill("lost")
    page.keyboard.press("Enter")
    expect(messages(page).last).to_contain_text("This device is offline.", timeout=TIMEOUT_MS)
    url = f"{suite.url}/chat/api/sessions/{session_of(page)}/messages"
    assert requests.post(url, json={"pergunta": "two"}, timeout=30).ok
    context.set_offline(False)
    expect(messages(page, "cliente").filter(has_text="two")).to_be_visible(timeout=TIMEOUT_MS)
    expect(messages(page)).to_have_count(5)  # each once
    context.close()


def test_a_stream_that_begins_anew_shows_nothing_twice(suite: Suite, browser: Browser) -> None:
    """A stream ends, the browser comes back, and is told the whole conversation again, and more."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        said = [
            {"id": str(n), "de": "robo", "nome": "", "texto": f"line {n}", "timestamp": n} for n in range(len(asked))
        ]
        events = [f"event: message\ndata: {json.dumps(one)}" for one in said]
        events.append('event: state\ndata: {"estado": "bot", "atendente": null}')
        route.fulfill(content_type="text/event-stream", body="retry: 100\n\n" + "\n\n".join(events) + "\n\n")

    context = visitor(browser, "en-US")
    context.route("**/chat/api/sessions/*/events", answer)
    page = opened(context, f"{suite.url}/chat/")
    page.get_by_test_id("name").fill(named("Max"))
    page.get_by_test_id("begin").click()
    expect(messages(page).nth(2)).to_be_visible(timeout=TIMEOUT_MS)
    lines = shown(page)
    assert lines == [f"line {n}" for n in range(len(lines))]
    context.close()


def test_a_connection_that_died_without_a_word_is_made_anew(suite: Suite, browser: Browser, streams: Streams) -> None:
    """As behind a router that forgot it: no end comes, nor anything else."""
    context = visitor(browser, "en-US")
    context.clock.install()
    streams.serve(context, "**/api/attendant/events")
    console = attendant(context, suite)
    console.clock.fast_forward(40_000)
    streams.ping()
    eventually(lambda: console.evaluate("pings") == 1)
    console.clock.fast_forward(40_000)
    assert console.evaluate("made") == 1
    console.clock.fast_forward(6_000)
    eventually(lambda: console.evaluate("made") == 2 and len(streams.open) == 1)
    expect(console.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    console.evaluate("dispatchEvent(new Event('online'))")  # another network
    eventually(lambda: console.evaluate("made") == 3 and len(streams.open) == 1)
    context.close()


def test_a_page_that_nobody_looks_at_gives_its_connection_back(
    suite: Suite, browser: Browser, streams: Streams
) -> None:
    """One that waits for a person looks in from time to time; browsers open six connections to one host."""
    context = visitor(browser, "en-US")
    context.clock.install()
    streams.serve(context, "**/chat/api/sessions/*/events")
    streams.present = [("state", {"estado": "waiting", "atendente": None})]
    page = customer(context, suite, named("Lia"))
    banner(page, "waiting", WORDS["en-US"].waiting)
    hide(page, True)
    page.clock.fast_forward(21_000)
    eventually(lambda: not streams.open)
    answer = {"id": "1", "de": "atendente", "nome": "Ana", "texto": "Hello!", "timestamp": time.time()}
    streams.present = [("message", answer), ("state", {"estado": "human", "atendente": "Ana"})]
    page.clock.fast_forward(15_000)
    banner(page, "human", "A person, Ana, is with you.")
    assert page.title().startswith("(1) ")
    eventually(lambda: page.evaluate("made") == 2 and not streams.open)

    hide(page, False)
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    page.clock.fast_forward(16_000)
    assert page.evaluate("made") == 3
    assert len(streams.open) == 1

    hide(page, True)
    streams.present = [("state", {"estado": "bot", "atendente": None})]
    page.clock.fast_forward(21_000)
    page.clock.fast_forward(15_000)
    banner(page, "bot", WORDS["en-US"].back)
    eventually(lambda: not streams.open)
    page.clock.fast_forward(60_000)
    assert page.evaluate("made") == 4  # nobody is expected any more
    context.close()


def waits(name: str) -> dict[str, Any]:
    """One in the attendants' queue, whom the server itself does not know."""
    return {
        "sessao": name, "nome": name, "estado": "waiting", "atendente": None, "waiting_since": 1.0, "last_at": 1.0,
        "last_message": "?", "reason": None, "sentiments": [], "urgency": 1.0,
    }  # fmt: skip


def test_who_is_no_longer_known_leaves_the_queue(suite: Suite, browser: Browser, streams: Streams) -> None:
    """The console was away over the weekend; the one that is open stays until the attendant turns to another."""
    known = [waits(name) for name in ("Ana", "Bia")]
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    context = visitor(browser, "en-US")
    context.route("**/api/attendant/sessions", lambda route: route.fulfill(json={"sessions": known}))
    streams.serve(context, "**/api/attendant/events")
    streams.present = [("session", one) for one in known]
    console = attendant(context, suite)
    row_of(console, "Bia").click()
    expect(console.get_by_test_id("desk-problem")).to_contain_text("no longer kept", timeout=TIMEOUT_MS)
    assert console.title().startswith("(2) ")

    context.route("**/api/attendant/sessions", hold)
    streams.present = [("session", waits("Carla"))]
    streams.end()
    expect(row_of(console, "Carla")).to_be_visible(timeout=TIMEOUT_MS)  # she came after the others were asked for
    eventually(lambda: console.evaluate("1") and held)
    held[0].fulfill(json={"sessions": []})
    expect(row_of(console, "Ana")).to_have_count(0, timeout=TIMEOUT_MS)
    expect(row_of(console, "Bia")).to_be_visible()
    assert console.title().startswith("(1) ")
    row_of(console, "Carla").click()
    expect(console.get_by_test_id("queue-row")).to_have_count(1)
    expect(console.get_by_test_id("waiting-count")).to_have_text("1 is waiting")
    healthy(console)
    context.close()


def test_the_language_can_be_switched_within_a_conversation(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = customer(context, suite, named("Noa"))
    say(page, "Oi")
    page.get_by_test_id("lang-en").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(messages(page)).to_have_count(2, timeout=TIMEOUT_MS)
    banner(page, "bot", "A robot answers.")
    healthy(page)
    context.close()


def test_the_console_opens_with_the_token_only(suite: Suite, browser: Browser) -> None:
    context = visitor(browser, "pt-BR")
    page = opened(context, f"{suite.url}/chat/attendant")
    page.get_by_test_id("token").fill("errado")
    page.get_by_test_id("enter").click()
    expect(page.get_by_test_id("token-problem")).to_have_text("O token não confere.", timeout=TIMEOUT_MS)
    expect(page.get_by_test_id("queue")).to_have_count(0)
    page.get_by_test_id("token").fill(suite.token)
    page.get_by_test_id("enter").click()
    expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
    assert suite.token not in page.url
    page.get_by_test_id("logout").click()
    expect(page.get_by_test_id("login")).to_be_visible(timeout=TIMEOUT_MS)
    page.goto(f"{suite.url}/chat/attendant")
    expect(page.get_by_test_id("login")).to_be_visible()
    context.close()


def test_a_link_on_another_site_leads_into_the_console(suite: Suite, browser: Browser) -> None:
    """The mail's, in a webmail, and the one that is printed; whoever has not entered is asked for the token."""
    url = f"{suite.url}/chat/attendant"

    def mail(route: Route) -> None:
        links = f'<a href="{url}">plain</a> <a href="{url}?token={suite.token}">token</a>'
        route.fulfill(content_type="text/html", body=links)

    context = visitor(browser, "en-US")
    context.route("http://webmail.example/", mail)
    page = opened(context, "http://webmail.example/")
    page.get_by_text("plain").click()
    expect(page.get_by_test_id("login")).to_be_visible(timeout=TIMEOUT_MS)
    for link in ("token", "plain"):
        page.goto("http://webmail.example/")
        page.get_by_text(link).click()
        expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live", timeout=TIMEOUT_MS)
        assert page.url == url
    healthy(page)
    context.close()


def test_who_begins_to_wait_is_heard_unless_the_sound_is_off(suite: Suite, browser: Browser) -> None:
    angry = WORDS["pt-BR"].angry
    theirs, ours = visitor(browser, "pt-BR"), visitor(browser, "pt-BR")
    ours.add_init_script(
        "let rung = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (...when) { rung += 1; return start.apply(this, when); };"
        "window.rung = () => rung;"
    )
    console = attendant(ours, suite)
    expect(console.locator("#gesture")).to_be_visible()
    console.locator("#queue-title").click()  # browsers want a gesture first
    expect(console.locator("#gesture")).to_be_hidden(timeout=TIMEOUT_MS)

    def one_more_waits() -> None:
        name = named("Caio")
        page = customer(theirs, suite, name)
        say(page, angry)
        expect(row_of(console, name)).to_have_attribute("data-state", "waiting", timeout=TIMEOUT_MS)
        page.evaluate("sessionStorage.clear(), localStorage.clear()")
        page.close()

    one_more_waits()
    assert eventually(lambda: console.evaluate("rung()"), 60)
    console.get_by_test_id("sound").click()
    expect(console.get_by_test_id("sound")).to_have_attribute("aria-pressed", "false")
    console.reload()
    expect(console.get_by_test_id("sound")).to_have_attribute("aria-pressed", "false")
    console.locator("#queue-title").click()
    one_more_waits()
    assert console.evaluate("rung()") == 0
    healthy(console)
    theirs.close()
    ours.close()


@pytest.mark.parametrize(
    ("language", "phone", "scheme"),
    [
        ("pt-BR", False, "light"),
        ("en-US", False, "dark"),
        ("en-US", True, "light"),
        ("pt-BR", True, "dark"),
    ],
)
def test_axe_finds_nothing(suite: Suite, browser: Browser, language: str, phone: bool, scheme: str) -> None:
    words, name = WORDS[language], named("Bia")
    look: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce"}
    theirs, ours = (visitor(browser, language, phone, **look) for _ in range(2))
    page = opened(theirs, f"{suite.url}/chat/")
    page.get_by_test_id("begin").click()
    expect(page.locator("#name-problem")).to_be_visible()
    found = faults(page)
    page.get_by_test_id("name").fill(name)
    page.get_by_test_id("begin").click()
    for text in (*words.friendly, words.angry):
        say(page, text)
    banner(page, "waiting", words.waiting)
    theirs.route("**/messages", lambda route: route.fulfill(status=503, json={"detail": "Away."}))
    page.get_by_test_id("text").fill("?")
    page.keyboard.press("Enter")
    expect(messages(page).last).to_have_attribute("data-state", "failed", timeout=TIMEOUT_MS)
    page.get_by_test_id("text").fill("x" * 5000)
    found += faults(page)

    console = opened(ours, f"{suite.url}/chat/attendant")
    found += faults(console)
    if not phone:  # attempts are limited
        console.get_by_test_id("token").fill("x")
        console.get_by_test_id("enter").click()
        expect(console.get_by_test_id("token-problem")).to_be_visible()
        found += faults(console)
    console.get_by_test_id("token").fill(suite.token)
    console.get_by_test_id("enter").click()
    row = row_of(console, name)
    expect(row).to_have_attribute("data-state", "waiting", timeout=TIMEOUT_MS)
    found += faults(console)
    row.click()
    expect(messages(console).filter(has_text=words.angry).get_by_test_id("feel")).to_be_visible(timeout=TIMEOUT_MS)
    found += faults(console)
    console.get_by_test_id("take").click()
    console.get_by_test_id("save-name").click()
    expect(console.locator("#my-name-problem")).to_be_visible()
    found += faults(console)
    console.get_by_test_id("my-name").fill("Ana")
    console.get_by_test_id("save-name").click()
    expect(console.get_by_test_id("composer")).to_be_visible(timeout=TIMEOUT_MS)
    say(console, "Ana")
    expect(messages(page, "atendente")).to_have_count(1, timeout=TIMEOUT_MS)
    found += faults(console) + faults(page)
    screenshot(console, f"console-{language}{'-phone' if phone else ''}-{scheme}")
    screenshot(page, f"chat-{language}{'-phone' if phone else ''}-{scheme}")
    console.get_by_test_id("close").click()
    banner(page, "closed", words.closed)
    assert found + faults(console) + faults(page) == []
    healthy(page, console)
    theirs.close()
    ours.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_where_nobody_has_written_yet(suite: Suite, browser: Browser, scheme: str) -> None:
    context = visitor(browser, "pt-BR", color_scheme=scheme, reduced_motion="reduce")
    context.route("**/api/attendant/sessions", lambda route: route.fulfill(json={"sessions": []}))
    context.route("**/api/attendant/events", lambda route: route.fulfill(content_type="text/event-stream", body=""))
    page = opened(context, f"{suite.url}/chat/attendant")
    page.get_by_test_id("token").fill(suite.token)
    page.get_by_test_id("enter").click()
    expect(page.get_by_test_id("queue")).to_have_attribute("aria-busy", "false", timeout=TIMEOUT_MS)
    expect(page.locator("#empty")).to_be_visible()
    assert faults(page) == []
    screenshot(page, f"empty-{scheme}")
    healthy(page)
    context.close()
