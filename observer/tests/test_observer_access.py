"""Who may look."""

from typing import Any

import pytest
from bus import KafkaSettings
from observer.access import Access
from observer.app import make_app
from observer.observatory import Observatory
from observer.settings import ObserverSettings
from suite_fixtures import free_port
from web import limiter
from web.attendant_auth import AttendantAuth

TOKEN = "open sesame"
PATHS = ("/api/graph", "/api/recent", "/api/ways/image/0/0", "/api/topics", "/api/topics/image/records", "/events")


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")


def client(is_open: bool, token: str | None = None) -> Any:
    access = Access(is_open, AttendantAuth(token, "/live") if token else None)
    app = make_app(Observatory(KafkaSettings(), end=lambda _status: None), access)
    limiter.reset()
    return app.test_client()


@pytest.mark.parametrize(
    ("bind_address", "public_url", "is_local"),
    [
        ("127.0.0.1", "", True),
        ("localhost", "http://localhost:8080", True),
        ("::1", "http://[::1]:8080", True),
        ("127.0.0.2", "http://127.0.0.1", True),
        ("0.0.0.0", "", False),
        ("::", "", False),
        ("192.168.0.10", "http://localhost:8080", False),
        ("", "", False),
        ("127.0.0.1", "https://suite.example", False),
    ],
)
def test_it_is_for_this_machine_where_the_gateway_is(
    monkeypatch: pytest.MonkeyPatch, bind_address: str, public_url: str, is_local: bool
) -> None:
    """A proxy in front, which PUBLIC_URL names, lets others in, too."""
    monkeypatch.setenv("BIND_ADDRESS", bind_address)
    monkeypatch.setenv("PUBLIC_URL", public_url)
    assert ObserverSettings().is_for_this_machine is is_local


def test_on_this_machine_nothing_is_asked_and_the_root_leads_here() -> None:
    here = client(is_open=True)
    assert b'data-testid="drawing"' in here.get("/live/").data
    assert here.get("/live/api/graph").status_code == 200
    home = here.get("/live/home?lang=pt-BR")
    assert (home.status_code, home.headers["Location"]) == (302, "/live/?lang=pt-BR")


@pytest.mark.parametrize("token", [None, TOKEN])
def test_from_elsewhere_nothing_is_shown_without_the_token(token: str | None) -> None:
    there = client(is_open=False, token=token)
    for path in PATHS:
        answer = there.get(f"/live{path}")
        assert (answer.status_code, answer.content_type) == (403, "application/problem+json"), path
    page = there.get("/live/")
    assert b'data-testid="drawing"' not in page.data
    assert (b'data-testid="token"' in page.data) == bool(token)
    assert (b"ATTENDANT_TOKEN" in page.data) == (token is None)
    assert there.get("/live/home").status_code == 404  # the root stays the start page
    assert there.get("/live/healthz").status_code == 200


def test_where_no_token_is_set_none_opens_it() -> None:
    there = client(is_open=False)
    for token in ("", TOKEN):
        assert there.post("/live/", data={"token": token}).status_code == 403
        assert there.get("/live/api/graph", headers={"Authorization": f"Bearer {token}"}).status_code == 403


def test_the_token_opens_it() -> None:
    there = client(is_open=False, token=TOKEN)
    assert there.get("/live/api/graph", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert there.get("/live/api/graph", headers={"Authorization": "Bearer wrong"}).status_code == 403
    wrong = there.post("/live/", data={"token": "wrong"})
    assert (wrong.status_code, b"token-problem" in wrong.data) == (403, True)
    right = there.post("/live/", data={"token": TOKEN})
    assert (right.status_code, right.headers["Location"]) == (303, "/live/")
    cookie = right.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/live"):
        assert part in cookie
    assert there.get("/live/api/graph").status_code == 200
    assert b'data-testid="drawing"' in there.get("/live/").data


def test_tokens_cannot_be_tried_without_end() -> None:
    there = client(is_open=False, token=TOKEN)
    statuses = [there.post("/live/", data={"token": "wrong"}).status_code for _ in range(12)]
    assert set(statuses[:10]) == {403}
    assert statuses[-1] == 429
    assert there.get("/live/api/graph", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 429


@pytest.mark.parametrize(
    ("language", "words", "sentence"),
    [("pt-BR", "Ao vivo", "limit é um número de 1 a 1000."), ("en", "Live", "limit is a number from 1 to 1000.")],
)
def test_page_login_and_problems_speak_both_languages(language: str, words: str, sentence: str) -> None:
    asked = {"Accept-Language": language}
    for there in (client(is_open=True), client(is_open=False, token=TOKEN), client(is_open=False)):
        assert words in there.get("/live/", headers=asked).get_data(as_text=True)
    assert client(is_open=True).get("/live/api/recent?limit=0", headers=asked).get_json()["detail"] == sentence
