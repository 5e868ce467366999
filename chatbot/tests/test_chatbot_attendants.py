"""The attendants' API and the login to the console: who has access, who has which conversation."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from itsdangerous import TimestampSigner
from web.attendant_auth import COOKIE_LIFETIME, AttendantAuth

PATHS = [
    ("GET", "api/attendant/sessions"),
    ("GET", "api/attendant/events"),
    ("POST", "api/attendant/sessions/s1/take"),
    ("POST", "api/attendant/sessions/s1/release"),
    ("POST", "api/attendant/sessions/s1/close"),
    ("POST", "api/attendant/sessions/s1/messages"),
]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def log_in(harness: Any, token: str) -> str:
    """Exchange the token for the cookie; returns its value."""
    response = harness.get(f"attendant?token={token}")
    assert (response.status_code, response.headers["Location"]) == (303, "/chat/attendant"), response.data
    found = re.match(r"attendant=([^;]+);", response.headers["Set-Cookie"])
    assert found
    return found[1]


def client_without_cookies(harness: Any) -> Any:
    """A client that stores no cookies, and sends those in its headers only."""
    return harness.app.test_client(use_cookies=False)


@pytest.fixture
def waiting(harness: Any, conversation: Any) -> Any:
    """A harness with a conversation, `s1`, that waits for a human."""
    angry = conversation.said("Que horror")
    for record in (conversation.opened(), angry, conversation.classified(angry), conversation.raised(angry)):
        harness.broker.deliver(record)
    return harness


# --- login -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("wrong"),
        bearer(""),
        bearer("ção".encode().decode("latin-1")),
        {"Authorization": "Basic eDp5"},
        {"Cookie": "attendant=attendant"},
        {"Cookie": "attendant=attendant.aaaaaa.bbbb"},
    ],
)
def test_without_the_token_requests_are_403_and_leak_nothing(
    waiting: Any, method: str, path: str, headers: dict[str, str], token: str
) -> None:
    response = client_without_cookies(waiting).open(
        f"/chat/{path}", method=method, json={"atendente": "Bia"}, headers=headers
    )
    assert (response.status_code, response.mimetype) == (403, "application/problem+json")
    text = response.get_data(as_text=True)
    assert "Ana" not in text
    assert token not in text
    assert waiting.broker.published == []


def test_a_wrong_path_leaks_nothing_either(harness: Any) -> None:
    unknown = harness.get("api/attendant/sessions/unknown/take")
    assert unknown.status_code in (403, 404, 405)


def test_the_token_opens_the_api(harness: Any, token: str) -> None:
    assert harness.get("api/attendant/sessions", headers=bearer(token)).status_code == 200
    assert harness.get("api/attendant/sessions", headers={"Authorization": f"bearer  {token} "}).status_code == 200


def test_the_link_sets_a_strict_cookie(harness: Any, token: str) -> None:
    response = harness.get(f"attendant?token={token}")
    cookie = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/chat"} <= set(cookie.split("; "))
    assert token not in response.get_data(as_text=True) + str(response.headers)
    assert response.headers["Cache-Control"] == "no-store"
    assert harness.get("api/attendant/sessions").status_code == 200


def test_behind_https_the_cookie_is_secure(harness: Any, token: str) -> None:
    response = harness.get(f"attendant?token={token}", headers={"X-Forwarded-Proto": "https"})
    assert "; Secure" in response.headers["Set-Cookie"]


def test_the_login_form_sets_the_cookie_too(harness: Any, token: str) -> None:
    assert harness.client.post("/chat/attendant", data={"token": "wrong"}).status_code == 403
    response = harness.client.post("/chat/attendant", data={"token": f" {token}\n"})
    assert (response.status_code, response.headers["Location"]) == (303, "/chat/attendant")
    assert harness.get("api/attendant/sessions").status_code == 200


def test_logging_out_deletes_the_cookie(harness: Any, token: str) -> None:
    log_in(harness, token)
    assert harness.post("attendant/logout").status_code == 303
    assert harness.get("api/attendant/sessions").status_code == 403


def test_the_console_shows_the_login_form_until_one_logs_in(harness: Any, token: str) -> None:
    login_page = harness.get("attendant")
    assert (login_page.status_code, login_page.mimetype) == (200, "text/html")
    assert 'name="token"' in login_page.get_data(as_text=True)
    log_in(harness, token)
    console = harness.get("attendant")
    assert console.status_code == 200
    assert 'name="token"' not in console.get_data(as_text=True)
    assert console.headers["Cache-Control"] == "no-store"


def test_a_wrong_token_shows_the_login_page_again(harness: Any) -> None:
    response = harness.get("attendant?token=wrong")
    assert (response.status_code, response.mimetype) == (403, "text/html")
    assert "wrong" not in response.get_data(as_text=True).replace("wrong or", "")
    assert "Set-Cookie" not in response.headers


def test_replicas_accept_the_cookie_only_if_they_have_the_same_token(harness: Any, token: str) -> None:
    cookie = log_in(harness, token)
    for other, known in ((AttendantAuth(token, "/chat"), True), (AttendantAuth("another token", "/chat"), False)):
        with harness.app.test_request_context(headers={"Cookie": f"attendant={cookie}"}):
            assert other.is_attendant() is known


def test_a_cookie_expires(harness: Any, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(harness, token)
    now = TimestampSigner.get_timestamp
    for later, status in ((-2, 200), (2, 403)):
        monkeypatch.setattr(
            TimestampSigner,
            "get_timestamp",
            lambda self, by=later: now(self) + int(COOKIE_LIFETIME.total_seconds()) + by,
        )
        assert harness.get("api/attendant/sessions").status_code == status


def test_wrong_tokens_are_limited_and_right_ones_do_not_count(harness: Any, token: str) -> None:
    for _ in range(30):
        assert harness.get("api/attendant/sessions", headers=bearer(token)).status_code == 200
    logins = (
        lambda: harness.get("attendant?token=x"),
        lambda: harness.client.post("/chat/attendant", data={"token": "x"}),
        lambda: harness.get("api/attendant/sessions", headers=bearer("x")),
    )
    assert [logins[number % 3]().status_code for number in range(10)] == [403] * 10
    for login in logins:
        response = login()
        assert response.status_code == 429
        assert int(response.headers["Retry-After"]) > 0
    assert harness.get("api/attendant/sessions", headers=bearer(token)).status_code == 429
    elsewhere = {"X-Forwarded-For": "1.2.3.4"} | bearer(token)
    assert harness.get("api/attendant/sessions", headers=elsewhere).status_code == 200


def test_requests_without_a_token_do_not_count_as_attempts(harness: Any, token: str) -> None:
    """Each tab of a console with an expired cookie keeps sending requests."""
    stale = client_without_cookies(harness)
    for _ in range(30):
        for path in ("api/attendant/events", "api/attendant/sessions"):
            assert stale.get(f"/chat/{path}", headers={"Cookie": "attendant=attendant.aaaaaa.bbbb"}).status_code == 403
    assert log_in(harness, token)


CROSS_SITE = [{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"} for site in ("cross-site", "same-site")]


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_a_cross_site_link_reloads_so_that_the_browser_sends_the_cookie(
    harness: Any, token: str, headers: dict[str, str]
) -> None:
    """The browser sends a strict cookie only with requests that start on our own page."""
    cookie = {"Cookie": f"attendant={log_in(harness, token)}"}
    other = client_without_cookies(harness)
    for _ in range(30):  # these do not count as attempts
        redirect_page = other.get("/chat/attendant", headers=headers)
        assert (redirect_page.status_code, redirect_page.headers["Cache-Control"]) == (200, "no-store")
    text = redirect_page.get_data(as_text=True)
    assert '<meta http-equiv="refresh" content="0;url=/chat/attendant">' in text
    assert '<a href="/chat/attendant">' in text
    assert 'name="token"' not in text
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    assert 'id="console"' in other.get("/chat/attendant", headers=own | cookie).get_data(as_text=True)
    assert 'name="token"' in other.get("/chat/attendant", headers=own).get_data(as_text=True)


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_a_cross_site_link_with_the_token_does_not_leak_it(harness: Any, token: str, headers: dict[str, str]) -> None:
    response = harness.get(f"attendant?token={token}", headers=headers)
    assert (response.status_code, response.headers["Location"]) == (303, "/chat/attendant")
    redirect_page = client_without_cookies(harness).get(
        "/chat/attendant", headers=headers
    )  # a browser withholds the cookie
    assert 'http-equiv="refresh"' in redirect_page.get_data(as_text=True)
    assert token not in redirect_page.get_data(as_text=True) + str(redirect_page.headers)
    assert harness.get("attendant?token=wrong", headers=headers).status_code == 403


def test_a_logged_in_attendant_is_not_limited_by_wrong_tokens_from_the_same_address(harness: Any, token: str) -> None:
    cookie = {"Cookie": f"attendant={log_in(harness, token)}"}
    other = client_without_cookies(harness)
    while other.get("/chat/attendant?token=x").status_code == 403:
        pass
    assert other.get("/chat/api/attendant/sessions", headers=cookie).status_code == 200
    assert other.get("/chat/attendant", headers=cookie).status_code == 200
    assert other.get("/chat/attendant").status_code == 429


def test_cross_site_requests_cannot_use_the_cookie(waiting: Any, token: str) -> None:
    cookie = {"Cookie": f"attendant={log_in(waiting, token)}"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("api/attendant/sessions/s1/take", "attendant/logout"):
            response = client_without_cookies(waiting).post(
                f"/chat/{path}", json={"atendente": "Eve"}, headers=cookie | headers
            )
            assert response.status_code == 403
    assert waiting.queue()[0]["estado"] == "waiting"


# --- conversations -----------------------------------------------------------------------------


def test_the_queue_has_who_waits_and_why(waiting: Any) -> None:
    (row,) = waiting.queue()
    assert row.keys() == {
        "sessao", "nome", "estado", "atendente", "waiting_since", "last_at", "last_message", "reason", "sentiments",
        "urgency",
    }  # fmt: skip
    assert (row["sessao"], row["nome"], row["estado"], row["atendente"]) == ("s1", "Ana", "waiting", None)
    assert row["last_message"] == "Que horror"
    assert row["reason"]["confianca"] == 0.9
    assert row["sentiments"][0]["sentimento"] == "negative"


def test_take_reply_release_and_close(waiting: Any) -> None:
    taken = waiting.attend("s1", "take", atendente=" Bia ")
    assert (taken.status_code, taken.get_json()["estado"], taken.get_json()["atendente"]) == (200, "human", "Bia")
    reply = waiting.attend("s1", "messages", atendente="Bia", mensagem="Já vejo <b>isso</b>")
    assert reply.status_code == 200
    assert waiting.conversations.events("s1")[-2][1]["texto"] == "Já vejo <b>isso</b>"
    assert waiting.conversations.events("s1")[-2][1]["id"] == reply.get_json()["id"]
    assert waiting.attend("s1", "release", atendente="Bia").get_json()["estado"] == "bot"
    assert waiting.attend("s1", "take", atendente="Rui").get_json()["atendente"] == "Rui"
    assert waiting.attend("s1", "close", atendente="Rui").get_json()["estado"] == "closed"
    topics = [record.topic for record in waiting.broker.published]
    assert topics == ["conversation", "chat-reply", "conversation", "conversation", "conversation"]


@pytest.mark.parametrize("sessao", ["sala/1", "sala//1", "/1", "1/", "1/take", "linha 1\nlinha 2", "50 %?#"])
def test_any_foreign_session_id_works_in_addresses(harness: Any, make_conversation: Any, sessao: str) -> None:
    for conversation in (make_conversation(sessao), make_conversation("1")):
        harness.broker.deliver(conversation.said("Oi"))
    address = quote(sessao, safe="")
    assert harness.attend(address, "take", atendente="Bia").get_json()["sessao"] == sessao
    assert harness.attend(address, "messages", atendente="Bia", mensagem="Olá").status_code == 200
    assert harness.say(address, "Olá, Bia").status_code == 200
    events = harness.get(f"api/sessions/{address}/events")
    assert events.status_code == 200
    events.close()
    for action in ("release", "close"):
        assert harness.attend(address, action, atendente="Bia").status_code == 200
    assert {row["sessao"]: row["estado"] for row in harness.queue()} == {sessao: "closed", "1": "bot"}


def test_a_second_attendant_gets_409_with_the_first_ones_name(waiting: Any) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    published = len(waiting.broker.published)
    for action in ("take", "release", "close", "messages"):
        response = waiting.attend("s1", action, atendente="Rui", mensagem="Oi")
        assert response.status_code == 409, action
        body = response.get_json()
        assert (body["atendente"], body["estado"], body["type"]) == ("Bia", "human", "urn:problem:held")
        assert "Bia" in body["detail"]
    assert len(waiting.broker.published) == published


def test_the_log_decides_between_two_concurrent_takes(waiting: Any, conversation: Any) -> None:
    """Nobody has it when Rui's request arrives, but Bia's record is the first in the log."""
    waiting.broker.concurrent.append(conversation.changed("assumida", "Bia", at=3_000.0))
    response = waiting.attend("s1", "take", atendente="Rui")
    assert (response.status_code, response.get_json()["atendente"]) == (409, "Bia")
    assert waiting.queue()[0]["atendente"] == "Bia"


def test_a_reply_after_the_release_is_409_and_not_shown(waiting: Any, conversation: Any) -> None:
    """Bia writes in one window while she releases the conversation in another."""
    waiting.attend("s1", "take", atendente="Bia")
    now = waiting.conversations.state("s1").last_at - conversation.log.start / 1000
    waiting.broker.concurrent.append(conversation.changed("devolvida", "Bia", at=now))
    response = waiting.attend("s1", "messages", atendente="Bia", mensagem="Oi")
    assert (response.status_code, response.get_json()["atendente"]) == (409, None)
    assert "Oi" not in [data.get("texto") for _, data in waiting.conversations.events("s1")]


def test_later_records_get_later_timestamps_even_if_clocks_differ(waiting: Any, conversation: Any) -> None:
    """Bia took it at a replica whose clock is ten seconds fast."""
    ahead = 3_610.0
    waiting.broker.deliver(conversation.changed("assumida", "Bia", at=ahead))
    assert waiting.attend("s1", "messages", atendente="Bia", mensagem="Oi").status_code == 200
    assert waiting.say("s1", "Olá").get_json()["resposta"] == ""
    said = [data["texto"] for name, data in waiting.conversations.events("s1") if name == "message"]
    assert said[-2:] == ["Oi", "Olá"]
    assert waiting.broker.published[-1].timestamp_ms == conversation.log.start + ahead * 1000 + 2


def test_a_record_from_the_far_future_does_not_shift_later_timestamps(waiting: Any, conversation: Any) -> None:
    waiting.broker.deliver(conversation.said("Oi", at=1e9))
    waiting.say("s1", "Olá")
    assert waiting.broker.published[-1].timestamp_ms < conversation.log.start + 3_700_000


def test_taking_twice_is_not_a_conflict(waiting: Any) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    assert waiting.attend("s1", "take", atendente="Bia").status_code == 200
    assert len(waiting.broker.published) == 1


def test_without_a_take_replies_and_releases_are_409(waiting: Any) -> None:
    for action in ("release", "messages"):
        response = waiting.attend("s1", action, atendente="Bia", mensagem="Oi")
        assert (response.status_code, response.get_json()["atendente"]) == (409, None), action
    assert waiting.attend("s1", "close", atendente="Bia").status_code == 200
    for action, name in (("take", "Bia"), ("close", "Rui"), ("release", "Bia")):
        response = waiting.attend("s1", action, atendente=name)
        assert (response.status_code, response.get_json()["estado"]) == (409, "closed"), action


@pytest.mark.parametrize("read_late", [False, True])
@pytest.mark.parametrize(("action", "estado"), [("take", "human"), ("release", "bot"), ("close", "closed")])
def test_what_took_effect_although_it_was_answered_503_may_be_asked_for_again(
    waiting: Any, action: str, estado: str, read_late: bool
) -> None:
    """Whether this process has read the first record already, or (`read_late`) reads it with the second."""
    if action != "take":
        waiting.attend("s1", "take", atendente="Bia")
    published = len(waiting.broker.published)
    waiting.broker.mirror_is_stalled = True
    assert waiting.attend("s1", action, atendente="Bia").status_code == 503
    waiting.broker.mirror_is_stalled = False
    if read_late:
        waiting.broker.concurrent, waiting.broker.unread = waiting.broker.unread, []
    else:
        waiting.broker.catch_up(0)
    again = waiting.attend("s1", action, atendente="Bia")
    assert (again.status_code, again.get_json()["estado"]) == (200, estado)
    assert len(waiting.broker.published) == published + 1 + read_late
    assert waiting.attend("s1", action, atendente="Rui").status_code == 409


def test_a_hand_back_repeated_when_the_customer_waits_again_is_done_and_takes_nothing_back(
    waiting: Any, conversation: Any
) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    waiting.attend("s1", "release", atendente="Bia")
    message = conversation.said("Que horror", at=3_650.0)
    waiting.broker.deliver(message)
    waiting.broker.deliver(conversation.raised(message, at=3_651.0))
    again = waiting.attend("s1", "release", atendente="Bia")
    assert (again.status_code, again.get_json()["estado"]) == (200, "waiting")
    waiting.attend("s1", "take", atendente="Rui")
    assert waiting.attend("s1", "release", atendente="Bia").status_code == 409


def test_a_message_reopens_a_closed_conversation(waiting: Any) -> None:
    waiting.attend("s1", "close", atendente="Bia")
    assert waiting.say("s1", "Olá").get_json()["resposta"] == "Oi"
    assert waiting.queue()[0]["estado"] == "bot"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"atendente": ""}, 400),
        ({"atendente": 7}, 422),
        ({"atendente": "x" * 101}, 413),
        ({"atendente": "Bia"}, 422),
        ({"atendente": "Bia", "mensagem": ""}, 400),
        ({"atendente": "Bia", "mensagem": ["Oi"]}, 422),
        ({"atendente": "Bia", "mensagem": "x" * 4_001}, 413),
        ([], 422),
    ],
)
def test_a_bad_reply_is_refused(waiting: Any, body: Any, status: int, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    response = waiting.post("api/attendant/sessions/s1/messages", body, headers=bearer(token))
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert len(waiting.broker.published) == 1


def test_the_stream_starts_with_the_queue(waiting: Any, token: str) -> None:
    response = waiting.get("api/attendant/events", headers=bearer(token))
    chunks = iter(response.response)
    assert next(chunks) == b"retry: 2000\n\n"
    event, data = next(chunks).decode().strip().split("\n")
    assert event == "event: session"
    assert json.loads(data.removeprefix("data: ")) == waiting.queue()[0]
    response.close()


def reply_as_bia(harness: Any, token: str, key: str = "k" * 32, **body: str) -> Any:
    """The response to a message by Bia with that Idempotency-Key."""
    body = {"atendente": "Bia", "mensagem": "Já vejo"} | body
    headers = bearer(token) | {"Idempotency-Key": key}
    return harness.post("api/attendant/sessions/s1/messages", body, headers=headers)


def test_a_repeated_reply_is_the_same_message(waiting: Any, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    first = reply_as_bia(waiting, token)
    assert first.status_code == 200
    waiting.attend("s1", "close", atendente="Bia")  # the response was lost, so the page repeats the request
    repeated = reply_as_bia(waiting, token)
    assert (repeated.status_code, repeated.get_json()["id"]) == (200, first.get_json()["id"])
    said = [data for _, data in waiting.conversations.events("s1") if data.get("de") == "atendente"]
    assert [message["id"] for message in said] == [first.get_json()["id"]]
    assert [record.topic for record in waiting.broker.published].count("chat-reply") == 1


def test_a_reply_that_came_too_late_stays_refused(waiting: Any, conversation: Any, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    now = waiting.conversations.state("s1").last_at - conversation.log.start / 1000
    waiting.broker.concurrent.append(conversation.changed("devolvida", "Bia", at=now))
    assert [reply_as_bia(waiting, token).status_code for _ in range(2)] == [409, 409]
    waiting.attend("s1", "take", atendente="Bia")
    assert [reply_as_bia(waiting, token, key).status_code for key in ("k" * 32, "j" * 32, "short")] == [409, 200, 400]


def test_another_text_or_key_is_another_message(waiting: Any, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    responses = [
        reply_as_bia(waiting, token),
        reply_as_bia(waiting, token, mensagem="Oi"),
        reply_as_bia(waiting, token, "j" * 16),
    ]
    assert len({response.get_json()["id"] for response in responses}) == 3
