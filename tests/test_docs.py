"""The project's pages: their links lead somewhere, both languages say as much, and what they show of the code is so."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from events.catalogue import TOPICS
from events.services import SERVICES
from suite_fixtures import ROOT

PAGES = sorted(
    page for page in ROOT.rglob("*.md") if not any(part.startswith(".") for part in page.relative_to(ROOT).parts)
)
ENGLISH = [ROOT / "README.md", ROOT / "deploy/monitoring/README.md"]
ENGLISH += [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "examples").rglob("README.md"))]
ENGLISH = [page for page in ENGLISH if not page.name.endswith(".pt-BR.md")]
READMES = ["README.md", "README.pt-BR.md"]
TEMPLATE = ROOT / "deploy/local/template-worker"
"""What `make new-worker NAME=mirror` copies to mirror-worker/: its links lead from there."""

MOST_LINES = 150
"""What a newcomer reads in three minutes."""


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose(page: Path) -> str:
    """The text of the page without its blocks of code."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def headings(page: Path) -> list[str]:
    return re.findall(r"^(#+ .+)$", prose(page), re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What `#…` may name on the page, as GitHub makes it of headings."""
    titles = (heading.lstrip("#").strip().lower() for heading in headings(page))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """The page's links to the project itself."""
    targets = re.findall(r"\]\(([^()\s]+)\)", prose(page))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def leads_somewhere(page: Path, link: str) -> bool:
    path, _, anchor = unquote(link).partition("#")
    homes = [page.parent, *([ROOT / "mirror-worker"] if page.parent == TEMPLATE else [])]
    targets = [(home / path).resolve() for home in homes] if path else [page]
    there = [target for target in targets if target.is_relative_to(ROOT) and target.exists()]
    return any(not anchor or anchor in anchors(target) for target in there)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not leads_somewhere(page, link)] == []


@pytest.mark.parametrize("link", ["gone.md", "README.md#gone", "#gone", "../README.md"])
def test_a_link_that_leads_nowhere_is_noticed(link: str) -> None:
    assert not leads_somewhere(ROOT / "README.md", link)


@pytest.mark.parametrize("page", ENGLISH, ids=named)
def test_each_page_has_as_many_headings_in_both_languages(page: Path) -> None:
    portuguese = page.with_suffix(".pt-BR.md")
    levels = [[heading.split()[0] for heading in headings(one)] for one in (page, portuguese)]
    assert levels[0] == levels[1]
    assert portuguese.name in links(page)
    assert page.name in links(portuguese)


def test_no_page_is_in_portuguese_alone() -> None:
    alone = {page for page in PAGES if page.name.endswith(".pt-BR.md")}
    assert alone == {page.with_suffix(".pt-BR.md") for page in ENGLISH}


@pytest.mark.parametrize("readme", READMES)
def test_a_newcomer_reads_the_readme_in_three_minutes(readme: str) -> None:
    assert len((ROOT / readme).read_text("utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("readme", READMES)
def test_the_readme_leads_to_every_page(readme: str) -> None:
    suffix = readme.removeprefix("README")
    pages = [page.name for page in (ROOT / "docs").glob("*.md")]
    mine = [name for name in pages if name.endswith(".pt-BR.md") == suffix.startswith(".pt-BR")]
    assert {f"docs/{name}" for name in mine} <= {link.partition("#")[0] for link in links(ROOT / readme)}


@pytest.mark.parametrize("name", ["failures.md", "failures.pt-BR.md"])
def test_the_whole_of_a_worker_is_the_whole_of_it(name: str) -> None:
    program = (ROOT / "rotate-worker/rotate_worker/__main__.py").read_text("utf-8")
    assert f"```python\n{program}```" in (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", ["architecture.svg", "architecture.pt-BR.svg"])
def test_the_picture_shows_every_service_and_topic(name: str) -> None:
    picture = (ROOT / "docs" / name).read_text("utf-8")
    shown = set(re.findall(r'<text class="code" [^>]*>([^<]+)</text>', picture))
    assert {topic for topic in TOPICS if not topic.endswith(".dlq")} <= shown
    assert {service.name for service in SERVICES} <= shown
