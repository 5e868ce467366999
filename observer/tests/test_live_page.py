"""The live page in a real browser, against a bus that is made up."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from browsers import faults, opened, running, screenshot, visitor
from bus import PermanentError, Worker
from events import ImageUploaded, OperationFinished
from live_feed import GROUPED, LONG_TEXT, PARTITIONS, SERVICES, TOPICS, Feed, serving
from playwright.sync_api import Browser, BrowserContext, Page, expect
from suite_fixtures import eventually

pytestmark = [pytest.mark.browser]

KEPT_RECORDS = 4_000
LIST_ROWS = 60
PROJECTOR = {"width": 1280, "height": 720}
LIGHTS_UP = """
    window.lit = 0;
    const canvas = document.querySelector(".dots");
    const look = () => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let lit = 0;
        for (let at = 3; at < data.length; at += 4) if (data[at]) lit += 1;
        window.lit = Math.max(window.lit, lit);
        window.now = lit;
        requestAnimationFrame(look);
    };
    look();
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as browser:
        yield browser


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def url(feed: Feed) -> Iterator[str]:
    with serving(feed) as url:
        yield url


@pytest.fixture
def contexts(browser: Browser) -> Iterator[Any]:
    """Makes browser contexts, and closes them."""
    made: list[BrowserContext] = []

    def make(
        language: str = "en-US", phone: bool = False, size: dict[str, int] | None = None, **more: Any
    ) -> BrowserContext:
        made.append(visitor(browser, language, phone, **more))
        if size:
            made[-1].on("page", lambda page: page.set_viewport_size(size))
        return made[-1]

    yield make
    for context in made:
        context.close()


def live(context: BrowserContext, url: str) -> Page:
    """The page, connected and drawn."""
    page = opened(context, url)
    badge = page.get_by_test_id("live")
    expect(badge, str(errors(page))).to_have_attribute("data-state", "live")
    expect(page.get_by_test_id("node").first).to_be_attached()
    return page


def errors(page: Page) -> list[str]:
    found: list[str] = page.errors  # type: ignore[attr-defined]
    return found


def node(page: Page, kind: str, name: str) -> Any:
    return page.locator(f'[data-testid="node"][data-kind="{kind}"][data-name="{name}"]')


def boxes(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(
        """[...document.querySelectorAll('[data-testid="node"]')].map(node => {
            const { left, top, right, bottom } = node.getBoundingClientRect();
            const cut = [...node.querySelectorAll(".node-name, .node-code, .node-state, [data-kind=topic] .node-title")]
                .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
                .map(({ textContent }) => textContent);
            return { name: `${node.dataset.kind} ${node.dataset.name}`, left, top, right, bottom, cut };
        })"""
    )
    return found


def overlapping(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (one["name"], other["name"])
        for index, one in enumerate(found)
        for other in found[index + 1 :]
        if one["left"] < other["right"]
        and other["left"] < one["right"]
        and one["top"] < other["bottom"]
        and other["top"] < one["bottom"]
    ]


# what is drawn


@pytest.mark.parametrize("language", ["en-US", "pt-BR"])
@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_every_service_topic_and_group_is_drawn_and_none_covers_another(
    feed: Feed, url: str, contexts: Any, width: int, language: str
) -> None:
    feed.step(30)
    size = None if width == 390 else {"width": width, "height": 720}
    page = live(contexts(language, phone=width == 390, size=size), url)
    lang = "pt-BR" if language == "pt-BR" else "en"
    for name, service in SERVICES.items():
        drawn = node(page, "page" if name == "observer" else "service", name).first
        assert drawn.locator(".node-name").inner_text() == service[lang]["name"]
    drawn = page.get_by_test_id("node").evaluate_all(
        "nodes => nodes.map(({ dataset }) => [dataset.kind, dataset.name])"
    )
    chips = page.get_by_test_id("chip").evaluate_all("chips => chips.map(({ dataset }) => dataset.topic)")
    topics = [name for kind, name in drawn if kind == "topic"]
    assert sorted([*topics, *chips]) == sorted(TOPICS)
    for group in GROUPED:
        said = page.locator(f'[data-kind="service"][data-name="{group}"]:not([data-brief]) .node-state').first
        assert re.match(r"1 (member|membro) · lag \d", said.inner_text())
    found = boxes(page)
    assert overlapping(found) == []
    assert [one["cut"] for one in found if one["cut"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"live-{lang}-{width}")
    assert errors(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_own_workers_foreign_groups_and_unknown_producers_appear_as_they_show_up(
    feed: Feed, url: str, contexts: Any, width: int
) -> None:
    page = live(contexts(phone=width == 390, size=None if width == 390 else PROJECTOR), url)
    words = {"name": "Miroir déformant d'une longueur inhabituelle", "does": "Reads `image`."}
    feed.services["mirror-worker"] = {"reads": ["image"], "publishes": ["mirrored"], "en": words, "pt-BR": words}
    feed.readers |= {"mirror-worker": ["image"], "console-consumer-4711": ["image", "orders"]}
    feed.topics |= {"mirrored": "events", "orders": "foreign"}
    feed.hub.send(
        "records", [feed.publish("orders", None, "k1", b"\x00\xff"), feed.publish("orders", "/shop", None, {"n": 1})]
    )
    feed.read()
    feed.send_graph()
    for kind, name in (
        ("service", "mirror-worker"),
        ("group", "console-consumer-4711"),
        ("topic", "orders"),
        ("topic", "mirrored"),
    ):
        expect(node(page, kind, name).first).to_be_visible()
    expect(node(page, "producer", "shop")).to_contain_text("another program")
    expect(node(page, "producer", "")).to_contain_text("unknown producer")
    assert overlapping(boxes(page)) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    screenshot(page, f"live-foreign-{width}")


def test_any_graph_is_laid_out_without_overlaps(url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    found = page.evaluate(
        """async () => {
            const { layout } = await import("/live/static/layout.js");
            const { topology } = await import("/live/static/topology.js");
            let state = 7;
            const random = (below) => { state = (state * 16807) % 2147483647; return state % below; };
            const problems = [];
            const beside = (a, b) => a.x >= b.x + b.w || b.x >= a.x + a.w;
            const apart = (a, b) => beside(a, b) || a.y > b.y + b.h - 1 || b.y > a.y + a.h - 1;
            for (let run = 0; run < 60; run += 1) {
                const names = Array.from({ length: 1 + random(9) }, (_, n) => `t${n}`);
                const topics = names.map((name) => ({ name, kind: "events" }));
                const some = () => names.filter(() => random(4) === 0);
                const services = Array.from({ length: 1 + random(8) }, (_, n) => {
                    return { name: `s${n}`, group: random(4) ? `s${n}` : null, reads: some(), publishes: some() };
                });
                const groups = services.filter(({ group }) => group).map(({ name, reads }) => {
                    const topics = Object.fromEntries(reads.map((topic) => [topic, []]));
                    return { name, service: name, topics };
                });
                const buried = services.filter(() => random(2)).map(({ name }) => `${name}.dlq`);
                topics.push(...buried.map((name) => ({ name, kind: "dead-letters" })));
                const shape = topology({ services, topics, groups }, new Map());
                for (const width of [358, 700, 900, 1250]) {
                    const { nodes, edges, width: drawn, height } = layout(shape, width);
                    const note = (...problem) => problems.push([run, width, ...problem]);
                    for (const id of shape.nodes.keys()) if (!nodes.some((node) => node.id === id)) note("missing", id);
                    for (const id of shape.edges.keys()) if (!edges.some((edge) => edge.id === id)) note("missing", id);
                    if (edges.some(({ d }) => /NaN|undefined/.test(d))) note("edge");
                    nodes.forEach((a, at) => {
                        if (a.x < 0 || a.y < -0.01 || a.x + a.w > drawn + 0.01) note("outside", a.id);
                        if (a.y + a.h > height + 0.01) note("below", a.id);
                        for (const b of nodes.slice(at + 1)) if (!apart(a, b)) note(a.id, b.id);
                    });
                }
            }
            return problems;
        }"""
    )
    assert found == []


def test_the_table_says_what_the_drawing_says(feed: Feed, url: str, contexts: Any) -> None:
    feed.stopped.add("grayscale-worker")
    feed.step(40)
    page = live(contexts(), url)
    page.get_by_text("The same as a table").click()
    rows = "rows => rows.map(row => [...row.cells].map(({ textContent }) => textContent))"
    topics = {row[0]: row[1:] for row in page.locator("#table-topics tbody tr").evaluate_all(rows)}
    assert topics.keys() == TOPICS.keys()
    for name in TOPICS:
        if (drawn := node(page, "topic", name)).count():
            _, by, to, partitions, records, rate = topics[name]
            text = drawn.inner_text()
            assert f"{rate} · {partitions} partitions" in text
            assert re.search(rf"\b{records} records?", text)
            assert set(by.split(", ")) == {service for service in SERVICES if name in SERVICES[service]["publishes"]}
            assert set(to.split(", ")) == {service for service in SERVICES if name in SERVICES[service]["reads"]}
    services = page.locator("#table-services tbody tr").evaluate_all(rows)
    assert {row[1] for row in services} == SERVICES.keys()
    for title, name, _, _, state in services:
        if name == "observer":
            continue  # of this page itself only its name is drawn
        drawn = node(page, "service", name)
        assert [drawn.locator(part).inner_text() for part in (".node-name", ".node-state")] == [title, state]
    groups = {row[0]: row[1:] for row in page.locator("#table-groups tbody tr").evaluate_all(rows)}
    assert groups.keys() == set(GROUPED)
    assert groups["grayscale-worker"][3:5] == ["0", str(feed.lag("grayscale-worker"))]


# what is wrong


@pytest.mark.parametrize(
    ("language", "flows", "stopped"),
    [
        ("en-US", "Everything flows.", r"grayscale-worker has no members; \d+ records wait, the oldest for .+ m?s\."),
        (
            "pt-BR",
            "Tudo flui.",
            r"grayscale-worker está sem membros; \d+ registros à espera, o mais antigo há .+ m?s\.",
        ),
    ],
)
def test_a_group_without_members_is_red_and_said_in_words(
    feed: Feed, url: str, contexts: Any, language: str, flows: str, stopped: str
) -> None:
    feed.step(10)
    feed.read()
    page = live(contexts(language), url)
    health = page.get_by_test_id("health")
    expect(health).to_have_attribute("data-level", "good")
    expect(health).to_contain_text(flows)
    expect(node(page, "service", "grayscale-worker")).not_to_have_attribute("data-level", "bad")
    feed.stopped.add("grayscale-worker")
    feed.step(12)
    feed.send_graph()
    expect(health).to_have_attribute("data-level", "bad")
    expect(health).to_have_text(re.compile(stopped))
    expect(node(page, "service", "grayscale-worker")).to_have_attribute("data-level", "bad")
    expect(page.locator('[data-edge="read grayscale-worker image"]')).to_have_attribute("data-level", "bad")
    expect(page.get_by_test_id("news")).to_have_text(re.compile(stopped))
    screenshot(page, f"live-stopped-{language}")


def test_only_what_is_new_is_read_aloud(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    page.evaluate(
        "new MutationObserver(() => { window.spoken = (window.spoken ?? 0) + 1 }).observe(news, { childList: true })"
    )
    feed.stopped.add("caption-worker")
    health = page.get_by_test_id("health")
    for waiting in range(1, 9):  # the number moves each time
        feed.publish("image", "image-upload", "p1", {"n": waiting})
        feed.send_graph()
        expect(health).to_contain_text(f"{waiting} record")
    until(page, "window.spoken")
    assert page.evaluate("window.spoken") == 1


def test_what_nobody_knows_is_shown_as_unknown(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(10)
    feed.away = True
    page = live(contexts(), url)
    expect(page.get_by_test_id("health")).to_contain_text("Kafka is not responding; what is shown is from")
    expect(node(page, "topic", "image")).to_contain_text("records unknown")
    expect(node(page, "service", "rotate-worker")).to_contain_text("members unknown · lag unknown")
    expect(node(page, "service", "rotate-worker")).to_have_attribute("data-level", "unknown")


def test_dead_letters_and_missing_topics_are_said(feed: Feed, url: str, contexts: Any) -> None:
    feed.publish("caption-worker.dlq", "image-upload", "p1", {"broken": True})
    del feed.topics["handoff"]
    page = live(contexts(), url)
    health = page.get_by_test_id("health")
    expect(health).to_contain_text("There is no topic handoff. caption-worker has 1 dead letter waiting.")
    expect(node(page, "topic", "handoff")).to_contain_text("not there")
    expect(page.locator('[data-testid="chip"][data-topic="caption-worker.dlq"]')).to_have_text("dlq 1")
    expect(page.locator('[data-edge^="publish image-upload caption"]')).to_have_count(0)


def test_a_lost_connection_is_said(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    feed.hub.close()
    expect(page.get_by_test_id("health")).to_contain_text("No connection to the server; what is shown is from")


# what passes


def until(page: Page, condition: str) -> None:
    """Wait until `condition` holds on the page, whose policy forbids Playwright's own way of waiting for one."""
    eventually(lambda: page.evaluate(condition), seconds=60)


def watched(page: Page) -> None:
    page.evaluate(f"() => {{ {LIGHTS_UP} }}")


def test_a_record_moves_to_its_topic_and_to_each_group_that_has_read_it(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    watched(page)
    feed.stopped |= set(GROUPED)
    feed.step(1)
    until(page, "window.lit > 0")
    expect(page.get_by_test_id("event")).to_have_count(1)
    expect(page.get_by_test_id("event")).to_contain_text("image")
    until(page, "window.now === 0")
    page.evaluate("window.lit = 0")
    feed.stopped -= {"rotate-worker"}
    feed.read()
    until(page, "window.lit > 0")
    assert errors(page) == []


def test_with_reduced_motion_an_edge_lights_up_instead(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(reduced_motion="reduce"), url)
    watched(page)
    page.evaluate(
        """() => {
            window.pulsed = [];
            new MutationObserver(changes => changes.forEach(({ target }) => window.pulsed.push(target.dataset.edge)))
                .observe(document.querySelector(".edges"), { subtree: true, attributeFilter: ["data-pulse"] });
        }"""
    )
    feed.step(1)
    feed.read()
    until(page, "window.pulsed.includes('publish image-upload image')")
    until(page, "window.pulsed.includes('read rotate-worker image')")
    assert page.evaluate("window.lit") == 0


def test_a_dot_opens_the_way_of_its_event(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(size=PROJECTOR), url)
    # time stands still for the dots, halfway between the service and the topic
    page.evaluate("() => { window.stood = performance.now(); performance.now = () => window.stood; }")
    feed.step(1)
    expect(page.get_by_test_id("event")).to_have_count(1)
    page.evaluate("window.stood += 400")
    left, right = (
        node(page, kind, name).bounding_box() for kind, name in (("service", "image-upload"), ("topic", "image"))
    )
    page.mouse.click(
        (left["x"] + left["width"] + right["x"]) / 2,
        (left["y"] + left["height"] / 2 + right["y"] + right["height"] / 2) / 2,
    )
    expect(page.get_by_test_id("way")).to_be_visible()
    expect(page).to_have_url(re.compile("#way/image/"))


def test_filters_find_also_what_the_page_has_not_seen(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(1_500)
    old = next(record for record in feed.records if record["picture"])
    page = live(contexts(), url)
    expect(page.get_by_test_id("event")).to_have_count(LIST_ROWS)
    page.locator("#filter-picture").fill(old["picture"])
    expect(page.get_by_test_id("event")).to_have_count(5)
    assert set(page.locator(".event-about").all_inner_texts()) == {old["picture"]}
    page.locator("#filter-topic").select_option("image")
    expect(page.get_by_test_id("event")).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    session = next(record["session"] for record in reversed(feed.records) if record["session"])
    for field in ("session", "key"):
        page.locator(f"#filter-{field}").fill(session)
        expect(page.locator('.event[data-topic="chatbot"]')).to_have_count(1)
        assert set(page.locator(".event-about").all_inner_texts()) == {session}
        page.locator(f"#filter-{field}").fill("")
    page.locator("#filter-key").fill("nothing like that")
    expect(page.get_by_text("No event matches.")).to_be_visible()
    assert errors(page) == []


def test_a_pause_holds_the_list_and_each_event_can_be_gone_through(feed: Feed, url: str, contexts: Any) -> None:
    def written(topic: str) -> int:
        return sum(record["topic"] == topic for record in feed.records)

    page = live(contexts(), url)
    feed.step(20)
    page.locator("#filter-topic").select_option("notification")
    rows = page.get_by_test_id("event")
    before = written("notification")
    expect(rows).to_have_count(before)
    first, second = (rows.nth(number).get_attribute("href") or "" for number in (0, 1))
    page.get_by_test_id("pause").click()
    expect(page.get_by_test_id("stepping")).to_contain_text(f"{before} of {before}")
    feed.step(10)
    feed.send_graph()
    assert written("notification") > before
    expect(node(page, "topic", "notification")).to_contain_text(f"{written('notification')} records")
    expect(rows.first).to_have_attribute("href", first)
    watched(page)
    page.get_by_test_id("earlier").click()
    expect(rows.first).to_have_attribute("href", second)
    expect(page.get_by_test_id("stepping")).to_contain_text(f"{before - 1} of {before}")
    until(page, "window.lit > 0")  # the event passes once more
    page.get_by_test_id("moment").focus()
    page.keyboard.press("Home")
    expect(rows).to_have_count(1)
    expect(page.get_by_test_id("earlier")).to_be_disabled()
    page.get_by_test_id("later").click()
    expect(rows).to_have_count(2)
    page.get_by_test_id("pause").click()
    expect(rows).to_have_count(written("notification"))


def test_the_list_holds_still_for_who_points_at_it(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    feed.step(5)
    rows = page.get_by_test_id("event")
    expect(rows).to_have_count(5)
    rows.first.hover()
    feed.step(5)
    expect(page.get_by_text("The list holds still while you point at it.")).to_be_visible()
    expect(rows).to_have_count(5)
    page.mouse.move(0, 0)
    expect(rows).to_have_count(10)


def test_what_the_page_keeps_is_bounded(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    for _ in range(104):
        feed.step(50)
    expect(page.get_by_test_id("kept")).to_contain_text(re.compile(rf"^{KEPT_RECORDS:,} of {KEPT_RECORDS:,} "))
    assert page.get_by_test_id("event").count() == LIST_ROWS
    moving = page.evaluate(
        """async () => {
            const { Dots, MAX_DOTS, edgePath } = await import("/live/static/dots.js");
            const dots = new Dots(document.querySelector(".dots"));
            const path = edgePath("e", "M0 0L100 0", {});
            document.querySelector(".edges").append(path);
            dots.setEdges(new Map([["e", path]]), 100, 100);
            for (let n = 0; n < 5000; n += 1) dots.send("e", { topic: "t", offset: n });
            return [dots.moving, MAX_DOTS];
        }"""
    )
    assert moving[0] == moving[1] <= 600
    assert errors(page) == []


def test_sampling_is_said(feed: Feed, url: str, contexts: Any) -> None:
    page = live(contexts(), url)
    feed.hub.send("sampled", {"seen": 900, "shown": 200})
    expect(page.get_by_test_id("sampled")).to_contain_text("Too many events to list: 200 of 900 are here.")


# the way of an event


def test_enter_on_an_event_opens_its_way(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(30)
    feed.read()
    page = live(contexts(), url)
    page.locator('.event[data-topic="image"]').last.focus()
    page.keyboard.press("Enter")
    way = page.get_by_test_id("way")
    steps = way.get_by_test_id("step")
    expect(steps).to_have_count(5)
    assert steps.evaluate_all("steps => steps.map(({ dataset }) => dataset.topic)") == [
        "image",
        *["notification"] * 3,
        "notifier.email",
    ]
    expect(steps.first).to_have_attribute("open", "")
    for group in ("rotate-worker", "grayscale-worker", "caption-worker"):
        expect(steps.first.locator(".readers")).to_contain_text(f"{group} after 40 ms")
    expect(steps.first.get_by_test_id("value")).to_contain_text('"lang": "pt-BR"')
    expect(steps.first).to_contain_text("ce_source")
    steps.nth(1).locator("summary").click()
    expect(steps.nth(1).locator(".readers")).to_contain_text("notifier has read it")
    page.keyboard.press("Escape")
    expect(way).to_be_hidden()
    expect(page).not_to_have_url(re.compile("#way"))


def test_a_link_opens_a_way_and_long_values_are_cut(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(30)
    record = next(record for record in feed.records if record["topic"] == "chatbot")
    page = live(contexts("pt-BR"), f"{url}#way/chatbot/{record['partition']}/{record['offset']}")
    step = page.get_by_test_id("step").first
    expect(step).to_contain_text("aqui só o começo")
    assert len(step.get_by_test_id("value").inner_text()) < len(LONG_TEXT)
    page.get_by_test_id("way-close").click()
    page.goto(f"{url}#way/chatbot/0/999999")
    expect(page.get_by_test_id("way")).to_contain_text("This record is no longer kept.")


def test_bytes_are_shown_as_hexadecimal_numbers_and_what_is_missing_is_said(
    feed: Feed, url: str, contexts: Any
) -> None:
    record = feed.publish("image", None, None, bytes(range(100)))
    page = live(contexts(), f"{url}#way/image/{record['partition']}/{record['offset']}")
    way = page.get_by_test_id("way")
    expect(way.get_by_test_id("value")).to_contain_text("00 01 02 03")
    for words in (
        "unknown producer",
        "no type",
        "It has no headers.",
        "No group has read it yet.",
        "There may be more steps",
    ):
        expect(way).to_contain_text(words)


def test_a_step_whose_record_is_gone_is_still_shown(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(1)
    feed.gone = True
    record = feed.records[0]
    page = live(contexts(), f"{url}#way/{record['topic']}/{record['partition']}/{record['offset']}")
    expect(page.get_by_test_id("step")).to_contain_text("The record is no longer in its topic.")


def test_a_way_that_is_open_grows(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(1)
    record = feed.records[0]
    page = live(contexts(), f"{url}#way/{record['topic']}/{record['partition']}/{record['offset']}")
    steps = page.get_by_test_id("step")
    expect(steps).to_have_count(1)
    feed.step(2)
    expect(steps).to_have_count(3)


# the message browser


def test_messages_are_looked_up_by_offset_and_by_time(feed: Feed, url: str, contexts: Any) -> None:
    feed.step(400)
    page = live(contexts(), url)
    node(page, "topic", "notification").click()
    expect(page).to_have_url(re.compile("#topics/notification$"))
    messages = page.get_by_test_id("message")
    expect(messages).to_have_count(20)
    table = page.get_by_test_id("partitions")
    expect(table.locator("tbody tr")).to_have_count(PARTITIONS)
    end = feed.ends["notification", 2]
    assert end > 21
    expect(table.locator("tbody tr").nth(2)).to_contain_text(f"2 0 {end}".replace(" ", ""))
    expect(table).to_contain_text("Lag of notifier")
    page.get_by_label("Partition", exact=True).select_option("2")
    page.get_by_label("Beginning with").select_option("offset")
    page.get_by_label("Offset", exact=True).fill("1")
    page.get_by_test_id("look").click()
    expect(messages.first.locator("summary")).to_contain_text("2/1")
    page.get_by_test_id("newer").click()
    expect(messages.first.locator("summary")).to_contain_text("2/21")
    page.get_by_test_id("older").click()
    expect(messages.first.locator("summary")).to_contain_text("2/1")
    messages.first.locator("summary").click()
    expect(messages.first.get_by_test_id("value")).to_contain_text('"status": "done"')
    page.get_by_label("Beginning with").select_option("time")
    page.get_by_label("Time", exact=True).fill("2001-01-01T00:00")
    page.get_by_test_id("look").click()
    expect(messages.first.locator("summary")).to_contain_text("2/0")
    messages.first.locator("summary").click()
    messages.first.get_by_role("link").click()
    expect(page.get_by_test_id("step").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("#topics/notification$"))
    assert errors(page) == []


def test_an_unknown_topic_is_said(url: str, contexts: Any) -> None:
    page = live_browser(contexts(), f"{url}#topics/nowhere")
    expect(page.get_by_test_id("browser-problem")).to_have_text("There is no topic nowhere.")
    page.get_by_test_id("topic-name").first.click()
    expect(page.get_by_test_id("browser-problem")).to_be_hidden()


def live_browser(context: BrowserContext, url: str) -> Page:
    page = opened(context, url)
    expect(page.get_by_test_id("topic-name").first).to_be_visible()
    return page


# dead letters


def test_a_dead_letter_is_found_read_and_replayed_once_its_fault_is_mended(feed: Feed, url: str, contexts: Any) -> None:
    is_mended = False
    worker = Worker("caption-worker")

    @worker.on("image", publishes="notification")
    def caption(upload: ImageUploaded) -> OperationFinished:
        if not is_mended:
            raise PermanentError("out of order")
        return upload.finished("caption", upload.new_file)

    def work() -> None:
        with feed.broker.running(worker):
            feed.broker.wait_until_handled(worker)

    feed.broker.publish("image", ImageUploaded(new_file="a.png", original_name="férias.png"))
    feed.broker.publish("image", ImageUploaded(new_file="b.png", original_name="b.png"))
    feed.broker.append("image", b"no json", b"c")
    work()
    for _ in range(3):
        feed.publish("caption-worker.dlq", "image-upload", "a", {})
    page = live(contexts(), url)
    page.locator('[data-testid="chip"][data-topic="caption-worker.dlq"]').click()
    expect(page.get_by_test_id("letters-words")).to_have_text("3 dead letters: 3 of 3 wait.")
    expect(page.get_by_test_id("letters-count")).to_have_text("3")
    refused = page.get_by_test_id("letter-group").filter(has_text="PermanentError")
    refused.get_by_test_id("letter").first.locator("summary").click()
    for words in ("PermanentError: out of order", "caption-worker; attempts: 1, replays before: 0", "ce_id"):
        expect(refused.get_by_test_id("letter").first).to_contain_text(words)
    expect(refused.get_by_test_id("value")).to_contain_text('"new_file"')
    assert faults(page) == []
    screenshot(page, "live-letters")

    def say_yes(title: str, done: str) -> None:
        dialog = page.get_by_test_id("confirm")
        expect(dialog.locator("h2")).to_have_text(title)
        page.get_by_test_id("confirm-yes").click()
        expect(page.get_by_test_id("confirm-words")).to_have_text(done)
        page.get_by_test_id("confirm-no").click()
        expect(dialog).to_be_hidden()

    is_mended = True
    refused.get_by_test_id("replay-all").click()
    say_yes("Replay 2 dead letters?", "Replayed: 2.")
    work()
    assert len(feed.broker.events("notification")) == 2
    expect(page.get_by_test_id("letters-words")).to_have_text("3 dead letters: 1 of 3 waits.")
    page.get_by_test_id("letter-box").check()
    page.get_by_test_id("drop-chosen").click()
    say_yes("Drop 1 dead letter?", "Dropped: 1.")
    expect(page.get_by_test_id("letters-words")).to_have_text("3 dead letters: 0 of 3 wait.")
    page.get_by_label("Show").select_option("all")
    states = page.get_by_test_id("letter").evaluate_all("letters => letters.map(({ dataset }) => dataset.state)")
    assert sorted(states) == ["dropped", "replayed", "replayed"]
    feed.handled["caption-worker"] = 3
    feed.send_graph()
    expect(page.get_by_test_id("letters-count")).to_be_hidden()
    assert errors(page) == []


# for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_axe_finds_no_barrier(feed: Feed, url: str, contexts: Any, scheme: str, phone: bool) -> None:
    feed.publish("caption-worker.dlq", "image-upload", "p1", {"broken": True})
    feed.stopped.add("grayscale-worker")
    feed.step(40)
    context = contexts("pt-BR", phone, color_scheme=scheme)
    page = live(context, url)
    page.locator(".as-table > summary").click()
    page.get_by_test_id("pause").click()
    assert faults(page) == []
    screenshot(page, f"live-{scheme}{'-phone' if phone else ''}")
    page.locator('.event[data-topic="image"]').first.click()
    expect(page.get_by_test_id("step")).to_have_count(4)
    assert faults(page) == []
    page.keyboard.press("Escape")
    browser = live_browser(context, f"{url}#topics/image")
    browser.get_by_test_id("message").first.locator("summary").click()
    assert faults(browser) == []
    assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert errors(page) + errors(browser) == []


def test_the_language_is_switched_where_one_is(feed: Feed, url: str, contexts: Any) -> None:
    page = live_browser(contexts(), f"{url}#topics/image")
    page.get_by_test_id("lang-pt").click()
    expect(page.locator("html")).to_have_attribute("lang", "pt-BR")
    expect(page.locator("#topic-title")).to_have_text("image")
    expect(page.get_by_test_id("door").first).to_have_text(re.compile("Imagens"))


def test_the_pages_of_the_suite_are_at_hand_and_say_whether_they_are_up(feed: Feed, url: str, contexts: Any) -> None:
    feed.ready["/chat/readyz"] = 503
    page = live(contexts(), url)
    links = page.get_by_test_id("door").locator("a")
    expect(links).to_have_count(5)
    addresses = links.evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert addresses == ["/upload/", "/chat/", "/chat/attendant", "/mail/", "/kafdrop"]
    for number, state in enumerate(["up", "degraded", "degraded", "up", "off"]):
        expect(links.nth(number)).to_have_attribute("data-state", state)
    expect(page.get_by_test_id("health")).to_have_text("Everything flows. chatbot is not ready.")
    expect(page.get_by_test_id("health")).to_have_attribute("data-level", "warn")
    expect(node(page, "service", "image-upload")).to_contain_text("up")
    expect(node(page, "service", "chatbot")).to_contain_text("not ready")


def test_the_page_is_drawn_before_the_first_answer(feed: Feed, url: str, contexts: Any) -> None:
    context = contexts()
    context.route("**/live/api/**", lambda route: None)
    context.route("**/live/events", lambda route: None)
    page = opened(context, url)
    expect(node(page, "topic", "image")).to_be_visible()
    expect(page.get_by_test_id("health")).to_contain_text("Everything flows.")
