"""The customer's API: responses, and problems for invalid input."""

import json
from itertools import islice
from typing import Any

import pytest
from chatbot.backend import ATTENDANTS_CHANNEL, channel_of
from events.conversation import ChatExchanged, ConversationChanged, HandoffRaised

from chatbot import api, bot

PROBLEM = "application/problem+json"


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    """Assert that the response is this problem, with a whole sentence; returns its body."""
    assert (response.status_code, response.mimetype) == (status, PROBLEM), response.data
    body: dict[str, Any] = response.get_json()
    assert body["type"] == f"urn:problem:{code}"
    assert body["detail"].endswith(".")
    return body


def read_events(response: Any, number: int) -> list[tuple[str, Any]]:
    """The first events of a stream."""
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    found = []
    for chunk in islice(response.response, number + 1):
        lines = dict(line.partition(": ")[::2] for line in chunk.decode().strip().split("\n"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    response.close()
    return found


def test_groups_have_their_number_of_members(harness: Any) -> None:
    assert harness.get("api/groups").get_json()["groups"] == {"sentiment-consumer": {"members": 1}}


def test_a_session_is_opened_and_published(harness: Any) -> None:
    response = harness.post("api/sessions", {"nome": "  Ana   Souza "})
    assert response.status_code == 201
    body = response.get_json()
    assert body == {"sessao": body["sessao"], "nome": "Ana Souza"}
    (record,) = harness.broker.published
    assert (record.topic, record.key.decode()) == ("conversation", body["sessao"])
    event = ConversationChanged.decode(record.value)
    assert (event.evento, event.nome, event.atendente) == ("aberta", "Ana Souza", None)


def test_a_message_is_published_with_the_reply_of_the_bot(harness: Any) -> None:
    sessao = harness.begin()
    response = harness.say(sessao, " Olá ")
    assert response.status_code == 200
    assert response.get_json()["resposta"] == bot.answer("Olá")
    record = harness.broker.published[-1]
    assert (record.topic, record.key.decode()) == ("chatbot", sessao)
    event = ChatExchanged.decode(record.value)
    assert (event.sessao, event.nome, event.pergunta, event.resposta) == (sessao, "Ana", "Olá", bot.answer("Olá"))
    assert response.get_json()["id"] == dict(record.headers)["ce_id"].decode()


KEY = {"Idempotency-Key": "0f3a5c1e9d7b42688c55a1d0e2f4b697"}


def test_a_repeated_request_is_the_same_message(harness: Any) -> None:
    """The page repeats requests that got no response. Meanwhile a human may have taken the conversation."""
    sessao = harness.begin()
    path = f"api/sessions/{sessao}/messages"
    first = harness.post(path, {"pergunta": "Olá"}, headers=KEY)
    assert first.get_json()["resposta"] == "Oi"
    published = len(harness.broker.published)
    harness.attend(sessao, "take", atendente="Bia")
    repeated = harness.post(path, {"pergunta": " Olá "}, headers=KEY)
    assert (repeated.status_code, repeated.get_json()) == (200, first.get_json())
    assert [record.topic for record in harness.broker.published[published:]] == ["conversation"]


def test_a_message_published_twice_is_shown_once(harness: Any) -> None:
    sessao = harness.begin()
    path = f"api/sessions/{sessao}/messages"
    harness.broker.mirror_is_stalled = True
    assert_problem(harness.post(path, {"pergunta": "Olá"}, headers=KEY), 503, "broker-away")
    harness.broker.mirror_is_stalled = False
    repeated = harness.post(path, {"pergunta": "Olá"}, headers=KEY)
    assert repeated.status_code == 200
    first, second = (dict(record.headers)["ce_id"].decode() for record in harness.broker.published[-2:])
    assert first == second == repeated.get_json()["id"]
    harness.broker.catch_up(0)
    said = [data["texto"] for name, data in harness.conversations.events(sessao) if name == "message"]
    assert said == ["Olá", "Oi"]


def test_another_session_key_or_text_or_no_key_is_another_message(harness: Any) -> None:
    paths = [f"api/sessions/{harness.begin()}/messages" for _ in range(2)]
    responses = [harness.post(path, {"pergunta": "Olá"}, headers=KEY) for path in paths]
    responses.append(harness.post(paths[0], {"pergunta": "Oi"}, headers=KEY))
    responses += [
        harness.post(paths[0], {"pergunta": "Olá"}, headers=more) for more in ({"Idempotency-Key": "f" * 16}, {}, {})
    ]
    assert len({response.get_json()["id"] for response in responses}) == 6


@pytest.mark.parametrize("key", ["", "1", "x" * 201, "a key with spaces in it"])
def test_a_malformed_key_is_refused(harness: Any, key: str) -> None:
    response = harness.post(
        f"api/sessions/{harness.begin()}/messages", {"pergunta": "Olá"}, headers={"Idempotency-Key": key}
    )
    assert_problem(response, 400, "idempotency-key")
    assert len(harness.broker.published) == 1


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_a_message_without_a_language_is_answered_in_that_of_the_page(harness: Any, language: bot.Language) -> None:
    path = f"api/sessions/{harness.begin()}/messages"
    response = harness.post(path, {"pergunta": "😡😡😡"}, headers={"Accept-Language": language})
    assert response.get_json()["resposta"] == bot.FALLBACK[language]


@pytest.mark.parametrize(
    "text",
    [
        "😀",
        "שלום, זה לא עובד",
        "<script>alert(1)</script><b>oi</b>",
        "linha 1\nlinha 2\tfim",
        "'; DROP TABLE --",
        "x" * 4_000,
        "é" * 4_000,
        "{{ 7*7 }} %s %(n)s",
    ],
)
def test_any_text_round_trips(harness: Any, text: str) -> None:
    sessao = harness.begin()
    assert harness.say(sessao, text).status_code == 200
    (message, *_rest) = read_events(harness.get(f"api/sessions/{sessao}/events"), 2)
    assert message[0] == "message"
    assert (message[1]["de"], message[1]["texto"]) == ("cliente", text)


def test_control_characters_are_removed(harness: Any) -> None:
    sessao = harness.begin()
    response = harness.post(
        f"api/sessions/{sessao}/messages", data=rb'{"pergunta": "a\u0000b\u001b[31m\ud800c"}',
        content_type="application/json",
    )  # fmt: skip
    assert response.status_code == 200
    assert ChatExchanged.decode(harness.broker.published[-1].value).pergunta == "ab[31mc"


@pytest.mark.parametrize("control", ["\u202e", "\u202a", "\u2066", "\u2069"])
def test_a_name_turns_no_text_around_it(harness: Any, control: str) -> None:
    response = harness.post("api/sessions", {"nome": f"Ana{control} gpj.exe"})
    assert response.get_json()["nome"] == "Ana gpj.exe"


def test_while_a_human_has_it_the_bot_is_silent(harness: Any) -> None:
    sessao = harness.begin()
    harness.attend(sessao, "take", atendente="Bia")
    assert harness.say(sessao, "Olá").get_json()["resposta"] == ""
    harness.attend(sessao, "release", atendente="Bia")
    assert harness.say(sessao, "Olá").get_json()["resposta"] == "Oi"


def test_while_a_customer_waits_for_a_human_the_bot_says_so(harness: Any, conversation: Any) -> None:
    angry = conversation.said("Que horror")
    for record in (conversation.opened(), angry, conversation.classified(angry), conversation.raised(angry)):
        harness.broker.deliver(record)
    assert harness.say(conversation.sessao, "Ninguém responde").get_json()["resposta"] == bot.CALLED["pt-BR"]
    assert harness.say(conversation.sessao, "Olá").get_json()["resposta"] == "Oi"


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_who_asks_for_a_person_waits_for_one_at_once(harness: Any, language: bot.Language) -> None:
    sessao = harness.begin()
    wish = {"pt-BR": "Quero falar com uma pessoa.", "en": "I want to talk to a person."}[language]
    assert harness.say(sessao, wish).get_json()["resposta"] == bot.CALLING[language]
    said, handoff = harness.broker.published[-2:]
    raised = HandoffRaised.decode(handoff.value)
    assert (raised.pergunta, raised.motivo, raised.confianca) == (wish, "pedido", 1.0)
    assert raised.timestamp == ChatExchanged.decode(said.value).timestamp
    assert dict(handoff.headers)["ce_causationid"] == dict(said.headers)["ce_id"]
    assert dict(handoff.headers)["traceparent"][:35] == dict(said.headers)["traceparent"][:35]
    (row,) = harness.queue()
    assert (row["estado"], row["reason"]["motivo"]) == ("waiting", "pedido")
    assert harness.say(sessao, wish).get_json()["resposta"] == bot.CALLED[language]
    assert [one.topic for one in harness.broker.published].count("handoff") == 1


def test_a_wish_sent_again_calls_once_and_also_where_the_call_did_not_get_through(harness: Any) -> None:
    path, key = f"api/sessions/{harness.begin()}/messages", {"Idempotency-Key": "f" * 16}
    harness.broker.refuses = {"handoff"}
    assert harness.post(path, {"pergunta": "atendente!"}, headers=key).status_code == 503
    harness.broker.refuses = set()
    for _ in range(2):
        response = harness.post(path, {"pergunta": "atendente!"}, headers=key)
        assert response.get_json()["resposta"] == bot.CALLING["pt-BR"]
    topics = [one.topic for one in harness.broker.published]
    assert (topics.count("chatbot"), topics.count("handoff")) == (1, 1)


def test_a_wish_that_also_sounds_angry_is_one_call(harness: Any, conversation: Any) -> None:
    """The sentiment consumer's event has the same id as the request: the first in the log counts."""
    harness.broker.deliver(conversation.opened())
    angry = conversation.said("Que horror, quero um atendente", resposta=bot.CALLING["pt-BR"])
    asked = conversation.person_wanted(angry)
    for record in (angry, asked, conversation.raised(angry)):
        harness.broker.deliver(record)
    (row,) = harness.queue()
    assert row["reason"]["motivo"] == "pedido"


def test_a_stream_starts_with_the_whole_conversation_and_its_state(harness: Any) -> None:
    sessao = harness.begin()
    harness.say(sessao, "Olá")
    harness.attend(sessao, "take", atendente="Bia")
    harness.attend(sessao, "messages", atendente="Bia", mensagem="Aqui é a Bia")
    found = read_events(harness.get(f"api/sessions/{sessao}/events"), 4)
    assert [(name, data.get("de"), data.get("texto")) for name, data in found] == [
        ("message", "cliente", "Olá"),
        ("message", "robo", "Oi"),
        ("message", "atendente", "Aqui é a Bia"),
        ("state", None, None),
    ]
    assert found[-1][1] == {"estado": "human", "atendente": "Bia"}


def test_a_stream_has_only_the_events_of_its_session(harness: Any) -> None:
    mine, other = harness.begin("Ana"), harness.begin("Rui")
    harness.say(other, "segredo do Rui")
    assert [name for name, _ in read_events(harness.get(f"api/sessions/{mine}/events"), 1)] == ["state"]


def test_no_session_id_opens_the_channel_of_the_attendants(harness: Any, conversation: Any) -> None:
    conversation.sessao = ATTENDANTS_CHANNEL
    harness.broker.deliver(conversation.said("Oi", "Olá"))
    response = harness.get(f"api/sessions/{ATTENDANTS_CHANNEL}/events")
    chunks = iter(response.response)
    read = [next(chunks) for _ in range(4)]
    harness.hub.send("session", {"nome": "Ana"}, channel=ATTENDANTS_CHANNEL)
    harness.hub.send("state", {}, channel=channel_of(ATTENDANTS_CHANNEL))
    read.append(next(chunks))
    response.close()
    assert [chunk for chunk in read if b"event: session" in chunk] == []
    assert b"event: state" in read[-1]


def test_a_session_of_another_program_is_served(harness: Any, conversation: Any) -> None:
    """It is known as soon as the mirror has caught up."""
    harness.broker.unread.append(conversation.said("Oi", "Olá"))
    assert harness.say("s1", "Olá").status_code == 200
    assert ChatExchanged.decode(harness.broker.published[-1].value).nome == "Ana"


def test_an_unknown_session_is_404_everywhere(harness: Any, new_session: str) -> None:
    for response in (
        harness.say(new_session, "Oi"),
        harness.get(f"api/sessions/{new_session}/events"),
        harness.attend(new_session, "take", atendente="Bia"),
        harness.attend(new_session, "release", atendente="Bia"),
        harness.attend(new_session, "close", atendente="Bia"),
        harness.attend(new_session, "messages", atendente="Bia", mensagem="Oi"),
    ):
        assert_problem(response, 404, "no-such-session")
    assert harness.broker.published == []


MESSAGES = [
    ({"pergunta": ""}, 400, "empty-message"),
    ({"pergunta": " \n\t "}, 400, "empty-message"),
    ({"pergunta": "\x00\x07"}, 400, "empty-message"),
    ({"pergunta": "x" * 4_001}, 413, "message-too-long"),
    ({"pergunta": "x" * 100_000}, 413, "message-too-long"),
    ({}, 422, "missing-field"),
    ({"pergunta": None}, 422, "wrong-type"),
    ({"pergunta": 7}, 422, "wrong-type"),
    ({"pergunta": ["Oi"]}, 422, "wrong-type"),
    (["pergunta"], 422, "not-an-object"),
    ("Oi", 422, "not-an-object"),
]


@pytest.mark.parametrize(("body", "status", "code"), MESSAGES)
def test_a_bad_message_is_refused_and_not_published(harness: Any, body: Any, status: int, code: str) -> None:
    sessao = harness.begin()
    assert_problem(harness.post(f"api/sessions/{sessao}/messages", body), status, code)
    assert len(harness.broker.published) == 1


NAMES = [
    ({"nome": ""}, 400, "name"),
    ({"nome": "   "}, 400, "name"),
    ({"nome": "x" * 101}, 413, "name"),
    ({}, 422, "missing-field"),
    ({"nome": 1}, 422, "wrong-type"),
    ([], 422, "not-an-object"),
]


@pytest.mark.parametrize(("body", "status", "code"), NAMES)
def test_a_bad_name_is_refused(harness: Any, body: Any, status: int, code: str) -> None:
    assert_problem(harness.post("api/sessions", body), status, code)
    assert harness.broker.published == []


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"no json", "application/json", 400),
        (b"", "application/json", 400),
        (b'{"nome": "Ana"', "application/json", 400),
        (b'{"nome": "\xff"}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"nome=Ana", "application/x-www-form-urlencoded", 415),
        (b'{"nome": "Ana"}', "text/plain", 415),
        (b'{"nome": "' + b"x" * 2_000_000 + b'"}', "application/json", 413),
    ],
)
def test_invalid_json_is_refused(harness: Any, data: bytes, content_type: str, status: int) -> None:
    response = harness.post("api/sessions", data=data, content_type=content_type)
    assert (response.status_code, response.mimetype) == (status, PROBLEM)
    assert harness.broker.published == []


def test_the_detail_is_translated_and_names_the_limit(harness: Any) -> None:
    path = f"api/sessions/{harness.begin()}/messages"
    english = harness.post(path, {"pergunta": "x" * 5_000}, headers={"Accept-Language": "en"}).get_json()["detail"]
    portuguese = harness.post(path, {"pergunta": "x" * 5_000}, headers={"Accept-Language": "pt-BR"}).get_json()[
        "detail"
    ]
    assert english == "The message is too long: at most 4000 characters."
    assert "4000" in portuguese
    assert portuguese != english


def test_without_a_broker_posts_are_503_and_history_is_served(harness: Any) -> None:
    sessao = harness.begin()
    harness.say(sessao, "Olá")
    harness.broker.is_unavailable = True
    for response in (
        harness.post("api/sessions", {"nome": "Rui"}),
        harness.say(sessao, "Oi"),
        harness.attend(sessao, "take", atendente="Bia"),
        harness.get("api/sessions/unknown/events"),
    ):
        assert_problem(response, 503, "broker-away")
        assert int(response.headers["Retry-After"]) > 0
    assert len(read_events(harness.get(f"api/sessions/{sessao}/events"), 3)) == 3
    assert harness.get("readyz").status_code == 503
    assert harness.get("healthz").status_code == 200


def test_it_is_not_ready_before_it_has_read_the_topics(harness: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.backend.MIRROR_TIMEOUT_SECONDS", 0.01)
    harness.broker.caught_up.clear()
    assert harness.get("readyz").get_json()["checks"] == {"broker": True, "conversations": False}
    assert_problem(harness.get("api/sessions/unknown/events"), 503, "broker-away")
    harness.broker.caught_up.set()
    assert harness.get("readyz").status_code == 200


def test_messages_are_limited_per_session(harness: Any) -> None:
    sessao, other = harness.begin("Ana"), harness.begin("Rui")
    for _ in range(api.MESSAGES_PER_MINUTE):
        assert harness.say(sessao, "Oi").status_code == 200
    response = harness.say(sessao, "Oi")
    assert_problem(response, 429, "too-many-requests")
    assert int(response.headers["Retry-After"]) > 0
    assert harness.say(other, "Oi").status_code == 200


def test_messages_are_limited_per_client_across_sessions(harness: Any) -> None:
    statuses = [harness.say(f"s{number}", "").status_code for number in range(api.MESSAGES_PER_MINUTE_AND_CLIENT)]
    assert set(statuses) == {400}
    assert_problem(harness.say("another", "Oi"), 429, "too-many-requests")
    other = harness.say(harness.begin(), "Oi")
    assert other.status_code == 429
    elsewhere = harness.client.post(
        f"/chat/api/sessions/{harness.begin()}/messages",
        json={"pergunta": "Oi"},
        headers={"X-Forwarded-For": "1.2.3.4"},
    )
    assert elsewhere.status_code == 200


def test_requests_for_unknown_sessions_are_limited(harness: Any) -> None:
    sessao = harness.begin()
    for number in range(api.UNKNOWN_SESSIONS_PER_MINUTE):
        assert_problem(harness.get(f"api/sessions/{number}/events"), 404, "no-such-session")
    assert_problem(harness.say("another", "Oi"), 429, "too-many-requests")
    assert harness.say(sessao, "Oi").status_code == 200
    assert len(read_events(harness.get(f"api/sessions/{sessao}/events"), 3)) == 3


def test_new_sessions_are_limited(harness: Any) -> None:
    for _ in range(api.SESSIONS_PER_MINUTE):
        harness.begin()
    response = harness.post("api/sessions", {"nome": "Ana"})
    assert_problem(response, 429, "too-many-requests")
    assert len(harness.broker.published) == api.SESSIONS_PER_MINUTE


def test_cross_site_requests_are_rejected(harness: Any) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert_problem(harness.post("api/sessions", {"nome": "Ana"}, headers=headers), 403, "cross-site")
    assert harness.post("api/sessions", {"nome": "Ana"}, headers={"Origin": "http://localhost"}).status_code == 201


@pytest.mark.parametrize("path", ["api", "api/sessions/x", "api/sessions/x/y", "nothing"])
def test_other_addresses_are_404(harness: Any, path: str) -> None:
    assert_problem(harness.get(path), 404, "not-found")
