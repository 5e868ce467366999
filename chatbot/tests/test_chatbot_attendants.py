"""The attendants' API and the entry to the console: who may come in, who has which conversation."""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from chatbot.entry import LASTS, Entry
from itsdangerous import TimestampSigner

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


def entered(bench: Any, token: str) -> str:
    """The value of the cookie that the token is exchanged for."""
    answer = bench.get(f"attendant?token={token}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/attendant"), answer.data
    found = re.match(r"attendant=([^;]+);", answer.headers["Set-Cookie"])
    assert found
    return found[1]


def without_jar(bench: Any) -> Any:
    """A client that sends the cookies that a test names, and keeps none."""
    return bench.app.test_client(use_cookies=False)


@pytest.fixture
def waiting(bench: Any, talk: Any) -> Any:
    """A bench with a conversation, `s1`, that waits for a human."""
    angry = talk.said("Que horror")
    for record in (talk.opened(), angry, talk.felt(angry), talk.raised(angry)):
        bench.broker.hear(record)
    return bench


# --- entry -------------------------------------------------------------------------------------


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
def test_without_the_token_nothing_is_told(
    waiting: Any, method: str, path: str, headers: dict[str, str], token: str
) -> None:
    answer = without_jar(waiting).open(f"/chat/{path}", method=method, json={"atendente": "Bia"}, headers=headers)
    assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
    text = answer.get_data(as_text=True)
    assert "Ana" not in text
    assert token not in text
    assert waiting.broker.published == []


def test_a_wrong_path_tells_nothing_either(bench: Any) -> None:
    unknown = bench.get("api/attendant/sessions/unknown/take")
    assert unknown.status_code in (403, 404, 405)


def test_the_token_opens_the_api(bench: Any, token: str) -> None:
    assert bench.get("api/attendant/sessions", headers=bearer(token)).status_code == 200
    assert bench.get("api/attendant/sessions", headers={"Authorization": f"bearer  {token} "}).status_code == 200


def test_the_link_is_exchanged_for_a_strict_cookie(bench: Any, token: str) -> None:
    answer = bench.get(f"attendant?token={token}")
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/chat"} <= set(cookie.split("; "))
    assert token not in answer.get_data(as_text=True) + str(answer.headers)
    assert answer.headers["Cache-Control"] == "no-store"
    assert bench.get("api/attendant/sessions").status_code == 200


def test_behind_https_the_cookie_is_secure(bench: Any, token: str) -> None:
    answer = bench.get(f"attendant?token={token}", headers={"X-Forwarded-Proto": "https"})
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_the_form_does_the_same(bench: Any, token: str) -> None:
    assert bench.client.post("/chat/attendant", data={"token": "wrong"}).status_code == 403
    answer = bench.client.post("/chat/attendant", data={"token": f" {token}\n"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/attendant")
    assert bench.get("api/attendant/sessions").status_code == 200


def test_leaving_takes_the_cookie_back(bench: Any, token: str) -> None:
    entered(bench, token)
    assert bench.post("attendant/logout").status_code == 303
    assert bench.get("api/attendant/sessions").status_code == 403


def test_the_console_asks_for_the_token_and_is_shown_with_it(bench: Any, token: str) -> None:
    asking = bench.get("attendant")
    assert (asking.status_code, asking.mimetype) == (200, "text/html")
    assert 'name="token"' in asking.get_data(as_text=True)
    entered(bench, token)
    console = bench.get("attendant")
    assert console.status_code == 200
    assert 'name="token"' not in console.get_data(as_text=True)
    assert console.headers["Cache-Control"] == "no-store"


def test_a_wrong_token_is_told_on_the_page(bench: Any) -> None:
    answer = bench.get("attendant?token=wrong")
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "wrong" not in answer.get_data(as_text=True).replace("wrong or", "")
    assert "Set-Cookie" not in answer.headers


def test_a_replica_with_the_same_token_knows_the_cookie_one_with_another_does_not(bench: Any, token: str) -> None:
    cookie = entered(bench, token)
    for other, known in ((Entry(token), True), (Entry("another token"), False)):
        with bench.app.test_request_context(headers={"Cookie": f"attendant={cookie}"}):
            assert other.may_enter() is known


def test_a_cookie_ends(bench: Any, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entered(bench, token)
    now = TimestampSigner.get_timestamp
    for later, status in ((-2, 200), (2, 403)):
        monkeypatch.setattr(
            TimestampSigner, "get_timestamp", lambda self, by=later: now(self) + int(LASTS.total_seconds()) + by
        )
        assert bench.get("api/attendant/sessions").status_code == status


def test_guessing_is_stopped_and_the_right_token_is_not_counted(bench: Any, token: str) -> None:
    for _ in range(30):
        assert bench.get("api/attendant/sessions", headers=bearer(token)).status_code == 200
    ways = (
        lambda: bench.get("attendant?token=x"),
        lambda: bench.client.post("/chat/attendant", data={"token": "x"}),
        lambda: bench.get("api/attendant/sessions", headers=bearer("x")),
    )
    assert [ways[number % 3]().status_code for number in range(10)] == [403] * 10
    for way in ways:
        answer = way()
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
    assert bench.get("api/attendant/sessions", headers=bearer(token)).status_code == 429
    elsewhere = {"X-Forwarded-For": "1.2.3.4"} | bearer(token)
    assert bench.get("api/attendant/sessions", headers=elsewhere).status_code == 200


def test_who_tries_no_token_is_not_counted(bench: Any, token: str) -> None:
    """A console whose cookie ended with the token before asks until someone enters anew, in each of its tabs."""
    stale = without_jar(bench)
    for _ in range(30):
        for path in ("api/attendant/events", "api/attendant/sessions"):
            assert stale.get(f"/chat/{path}", headers={"Cookie": "attendant=attendant.aaaaaa.bbbb"}).status_code == 403
    assert entered(bench, token)


FROM_ANOTHER_SITE = [{"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"} for site in ("cross-site", "same-site")]


@pytest.mark.parametrize("headers", FROM_ANOTHER_SITE)
def test_who_follows_a_link_on_another_site_is_asked_by_this_one_for_the_cookie(
    bench: Any, token: str, headers: dict[str, str]
) -> None:
    """A mail's, say: the browser keeps a strict cookie back, unless the next request is the page's own."""
    cookie = {"Cookie": f"attendant={entered(bench, token)}"}
    other = without_jar(bench)
    for _ in range(30):  # no attempt
        between = other.get("/chat/attendant", headers=headers)
        assert (between.status_code, between.headers["Cache-Control"]) == (200, "no-store")
    text = between.get_data(as_text=True)
    assert '<meta http-equiv="refresh" content="0;url=/chat/attendant">' in text
    assert '<a href="/chat/attendant">' in text
    assert 'name="token"' not in text
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    assert 'id="console"' in other.get("/chat/attendant", headers=own | cookie).get_data(as_text=True)
    assert 'name="token"' in other.get("/chat/attendant", headers=own).get_data(as_text=True)


@pytest.mark.parametrize("headers", FROM_ANOTHER_SITE)
def test_the_link_with_the_token_on_another_site_tells_nothing_of_it(
    bench: Any, token: str, headers: dict[str, str]
) -> None:
    answer = bench.get(f"attendant?token={token}", headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/chat/attendant")
    between = without_jar(bench).get("/chat/attendant", headers=headers)  # a browser keeps the cookie back
    assert 'http-equiv="refresh"' in between.get_data(as_text=True)
    assert token not in between.get_data(as_text=True) + str(between.headers)
    assert bench.get("attendant?token=wrong", headers=headers).status_code == 403


def test_who_has_entered_is_not_kept_out_by_one_who_guesses_at_the_same_address(bench: Any, token: str) -> None:
    cookie = {"Cookie": f"attendant={entered(bench, token)}"}
    other = without_jar(bench)
    while other.get("/chat/attendant?token=x").status_code == 403:
        pass
    assert other.get("/chat/api/attendant/sessions", headers=cookie).status_code == 200
    assert other.get("/chat/attendant", headers=cookie).status_code == 200
    assert other.get("/chat/attendant").status_code == 429


def test_another_site_cannot_use_the_cookie(waiting: Any, token: str) -> None:
    cookie = {"Cookie": f"attendant={entered(waiting, token)}"}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in ("api/attendant/sessions/s1/take", "attendant/logout"):
            answer = without_jar(waiting).post(f"/chat/{path}", json={"atendente": "Eve"}, headers=cookie | headers)
            assert answer.status_code == 403
    assert waiting.queue()[0]["estado"] == "waiting"


# --- conversations -----------------------------------------------------------------------------


def test_the_queue_says_who_waits_and_why(waiting: Any) -> None:
    (row,) = waiting.queue()
    assert row.keys() == {
        "sessao", "nome", "estado", "atendente", "waiting_since", "last_at", "last_message", "reason", "sentiments",
        "urgency",
    }  # fmt: skip
    assert (row["sessao"], row["nome"], row["estado"], row["atendente"]) == ("s1", "Ana", "waiting", None)
    assert row["last_message"] == "Que horror"
    assert row["reason"]["confianca"] == 0.9
    assert row["sentiments"][0]["sentimento"] == "negative"


def test_taking_answering_handing_back_and_closing(waiting: Any) -> None:
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
def test_another_program_names_a_session_as_it_likes(bench: Any, make_talk: Any, sessao: str) -> None:
    for talk in (make_talk(sessao), make_talk("1")):
        bench.broker.hear(talk.said("Oi"))
    address = quote(sessao, safe="")
    assert bench.attend(address, "take", atendente="Bia").get_json()["sessao"] == sessao
    assert bench.attend(address, "messages", atendente="Bia", mensagem="Olá").status_code == 200
    assert bench.say(address, "Olá, Bia").status_code == 200
    events = bench.get(f"api/sessions/{address}/events")
    assert events.status_code == 200
    events.close()
    for what in ("release", "close"):
        assert bench.attend(address, what, atendente="Bia").status_code == 200
    assert {row["sessao"]: row["estado"] for row in bench.queue()} == {sessao: "closed", "1": "bot"}


def test_who_comes_second_is_told_who_has_it(waiting: Any) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    published = len(waiting.broker.published)
    for what in ("take", "release", "close", "messages"):
        answer = waiting.attend("s1", what, atendente="Rui", mensagem="Oi")
        assert answer.status_code == 409, what
        body = answer.get_json()
        assert (body["atendente"], body["estado"], body["type"]) == ("Bia", "human", "urn:problem:held")
        assert "Bia" in body["detail"]
    assert len(waiting.broker.published) == published


def test_the_log_decides_between_two_that_take_it_at_once(waiting: Any, talk: Any) -> None:
    """Rui looked, nobody had it; but Bia's record came first into the log."""
    waiting.broker.before.append(talk.changed("assumida", "Bia", at=3_000.0))
    answer = waiting.attend("s1", "take", atendente="Rui")
    assert (answer.status_code, answer.get_json()["atendente"]) == (409, "Bia")
    assert waiting.queue()[0]["atendente"] == "Bia"


def test_a_reply_that_came_after_the_release_is_not_delivered(waiting: Any, talk: Any) -> None:
    """Bia writes in one window while another of hers hands the conversation back."""
    waiting.attend("s1", "take", atendente="Bia")
    now = waiting.conversations.state("s1").last_at - talk.log.start / 1000
    waiting.broker.before.append(talk.changed("devolvida", "Bia", at=now))
    answer = waiting.attend("s1", "messages", atendente="Bia", mensagem="Oi")
    assert (answer.status_code, answer.get_json()["atendente"]) == (409, None)
    assert "Oi" not in [data.get("texto") for _, data in waiting.conversations.events("s1")]


def test_what_is_done_after_something_comes_after_it_even_if_clocks_differ(waiting: Any, talk: Any) -> None:
    """Bia took it at a replica whose clock is ten seconds ahead."""
    ahead = 3_610.0
    waiting.broker.hear(talk.changed("assumida", "Bia", at=ahead))
    assert waiting.attend("s1", "messages", atendente="Bia", mensagem="Oi").status_code == 200
    assert waiting.say("s1", "Olá").get_json()["resposta"] == ""
    said = [data["texto"] for name, data in waiting.conversations.events("s1") if name == "message"]
    assert said[-2:] == ["Oi", "Olá"]
    assert waiting.broker.published[-1].timestamp_ms == talk.log.start + ahead * 1000 + 2


def test_a_record_from_the_far_future_does_not_drag_the_others_there(waiting: Any, talk: Any) -> None:
    waiting.broker.hear(talk.said("Oi", at=1e9))
    waiting.say("s1", "Olá")
    assert waiting.broker.published[-1].timestamp_ms < talk.log.start + 3_700_000


def test_taking_twice_is_no_conflict(waiting: Any) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    assert waiting.attend("s1", "take", atendente="Bia").status_code == 200
    assert len(waiting.broker.published) == 1


def test_what_nobody_has_is_not_answered(waiting: Any) -> None:
    for what in ("release", "messages"):
        answer = waiting.attend("s1", what, atendente="Bia", mensagem="Oi")
        assert (answer.status_code, answer.get_json()["atendente"]) == (409, None), what
    assert waiting.attend("s1", "close", atendente="Bia").status_code == 200
    for what in ("take", "close"):
        answer = waiting.attend("s1", what, atendente="Bia")
        assert (answer.status_code, answer.get_json()["estado"]) == (409, "closed"), what


def test_a_message_opens_a_closed_conversation_anew(waiting: Any) -> None:
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
    answer = waiting.post("api/attendant/sessions/s1/messages", body, headers=bearer(token))
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert len(waiting.broker.published) == 1


def test_the_stream_begins_with_the_queue(waiting: Any, token: str) -> None:
    answer = waiting.get("api/attendant/events", headers=bearer(token))
    chunks = iter(answer.response)
    assert next(chunks) == b"retry: 2000\n\n"
    event, data = next(chunks).decode().strip().split("\n")
    assert event == "event: session"
    assert json.loads(data.removeprefix("data: ")) == waiting.queue()[0]
    answer.close()


def answered(bench: Any, token: str, key: str = "k" * 32, **body: str) -> Any:
    """The answer to what Bia says, with that Idempotency-Key."""
    body = {"atendente": "Bia", "mensagem": "Já vejo"} | body
    headers = bearer(token) | {"Idempotency-Key": key}
    return bench.post("api/attendant/sessions/s1/messages", body, headers=headers)


def test_what_an_attendant_sends_again_is_the_same_message(waiting: Any, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    first = answered(waiting, token)
    assert first.status_code == 200
    waiting.attend("s1", "close", atendente="Bia")  # the answer was lost, and so it is asked for once more
    again = answered(waiting, token)
    assert (again.status_code, again.get_json()["id"]) == (200, first.get_json()["id"])
    said = [data for _, data in waiting.conversations.events("s1") if data.get("de") == "atendente"]
    assert [message["id"] for message in said] == [first.get_json()["id"]]
    assert [record.topic for record in waiting.broker.published].count("chat-reply") == 1


def test_what_came_too_late_is_refused_however_often_it_is_sent(waiting: Any, talk: Any, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    now = waiting.conversations.state("s1").last_at - talk.log.start / 1000
    waiting.broker.before.append(talk.changed("devolvida", "Bia", at=now))
    assert [answered(waiting, token).status_code for _ in range(2)] == [409, 409]
    waiting.attend("s1", "take", atendente="Bia")
    assert [answered(waiting, token, key).status_code for key in ("k" * 32, "j" * 32, "short")] == [409, 200, 400]


def test_other_words_or_another_key_are_another_message(waiting: Any, token: str) -> None:
    waiting.attend("s1", "take", atendente="Bia")
    answers = [answered(waiting, token), answered(waiting, token, mensagem="Oi"), answered(waiting, token, "j" * 16)]
    assert len({answer.get_json()["id"] for answer in answers}) == 3
