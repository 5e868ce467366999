"""The customer's API: what is answered, and that bad input is refused in a sentence."""

import json
from itertools import islice
from typing import Any

import pytest
from bus.conversation import ChatExchanged, ConversationChanged
from chatbot.parts import ATTENDANTS, channel_of

from chatbot import api, bot

PROBLEM = "application/problem+json"


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem that the answer tells; its sentence ends like one."""
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM), answer.data
    body: dict[str, Any] = answer.get_json()
    assert body["type"] == f"urn:problem:{code}"
    assert body["detail"].endswith(".")
    return body


def streamed(answer: Any, number: int) -> list[tuple[str, Any]]:
    """The first events of a stream."""
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    found = []
    for chunk in islice(answer.response, number + 1):
        lines = dict(line.partition(": ")[::2] for line in chunk.decode().strip().split("\n"))
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    answer.close()
    return found


def test_groups_tell_how_many_work(bench: Any) -> None:
    assert bench.get("api/groups").get_json()["groups"] == {"sentiment-consumer": {"members": 1}}


def test_a_session_is_opened_and_published(bench: Any) -> None:
    answer = bench.post("api/sessions", {"nome": "  Ana   Souza "})
    assert answer.status_code == 201
    body = answer.get_json()
    assert body == {"sessao": body["sessao"], "nome": "Ana Souza"}
    (record,) = bench.broker.published
    assert (record.topic, record.key.decode()) == ("conversation", body["sessao"])
    event = ConversationChanged.decode(record.value)
    assert (event.evento, event.nome, event.atendente) == ("aberta", "Ana Souza", None)


def test_an_exchange_is_published_with_what_the_bot_says(bench: Any) -> None:
    sessao = bench.begin()
    answer = bench.say(sessao, " Olá ")
    assert answer.status_code == 200
    assert answer.get_json()["resposta"] == bot.answer("Olá")
    record = bench.broker.published[-1]
    assert (record.topic, record.key.decode()) == ("chatbot", sessao)
    event = ChatExchanged.decode(record.value)
    assert (event.sessao, event.nome, event.pergunta, event.resposta) == (sessao, "Ana", "Olá", bot.answer("Olá"))
    assert answer.get_json()["id"] == dict(record.headers)["ce_id"].decode()


KEY = {"Idempotency-Key": "0f3a5c1e9d7b42688c55a1d0e2f4b697"}


def test_what_is_sent_again_is_the_same_message(bench: Any) -> None:
    """The page does so when it has not heard whether it was taken; meanwhile a human may have come."""
    sessao = bench.begin()
    path = f"api/sessions/{sessao}/messages"
    first = bench.post(path, {"pergunta": "Olá"}, headers=KEY)
    assert first.get_json()["resposta"] == "Oi"
    published = len(bench.broker.published)
    bench.attend(sessao, "take", atendente="Bia")
    again = bench.post(path, {"pergunta": " Olá "}, headers=KEY)
    assert (again.status_code, again.get_json()) == (200, first.get_json())
    assert [record.topic for record in bench.broker.published[published:]] == ["conversation"]


def test_what_is_not_known_to_have_come_is_published_again_and_said_once(bench: Any) -> None:
    sessao = bench.begin()
    path = f"api/sessions/{sessao}/messages"
    bench.broker.deaf = True
    problem(bench.post(path, {"pergunta": "Olá"}, headers=KEY), 503, "broker-away")
    bench.broker.deaf = False
    again = bench.post(path, {"pergunta": "Olá"}, headers=KEY)
    assert again.status_code == 200
    first, second = (dict(record.headers)["ce_id"].decode() for record in bench.broker.published[-2:])
    assert first == second == again.get_json()["id"]
    bench.broker.catch_up(0)
    said = [data["texto"] for name, data in bench.conversations.events(sessao) if name == "message"]
    assert said == ["Olá", "Oi"]


def test_another_session_key_or_text_or_no_key_is_another_message(bench: Any) -> None:
    paths = [f"api/sessions/{bench.begin()}/messages" for _ in range(2)]
    answers = [bench.post(path, {"pergunta": "Olá"}, headers=KEY) for path in paths]
    answers.append(bench.post(paths[0], {"pergunta": "Oi"}, headers=KEY))
    answers += [
        bench.post(paths[0], {"pergunta": "Olá"}, headers=more) for more in ({"Idempotency-Key": "f" * 16}, {}, {})
    ]
    assert len({answer.get_json()["id"] for answer in answers}) == 6


@pytest.mark.parametrize("key", ["", "1", "x" * 201, "a key with spaces in it"])
def test_a_key_that_others_may_have_too_is_refused(bench: Any, key: str) -> None:
    answer = bench.post(f"api/sessions/{bench.begin()}/messages", {"pergunta": "Olá"}, headers={"Idempotency-Key": key})
    problem(answer, 400, "idempotency-key")
    assert len(bench.broker.published) == 1


@pytest.mark.parametrize("language", ["pt-BR", "en"])
def test_what_has_no_language_is_answered_in_that_of_the_page(bench: Any, language: bot.Language) -> None:
    path = f"api/sessions/{bench.begin()}/messages"
    answer = bench.post(path, {"pergunta": "😡😡😡"}, headers={"Accept-Language": language})
    assert answer.get_json()["resposta"] == bot.FALLBACK[language]


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
def test_any_text_arrives_as_it_was(bench: Any, text: str) -> None:
    sessao = bench.begin()
    assert bench.say(sessao, text).status_code == 200
    (message, *_rest) = streamed(bench.get(f"api/sessions/{sessao}/events"), 2)
    assert message[0] == "message"
    assert (message[1]["de"], message[1]["texto"]) == ("cliente", text)


def test_characters_that_no_page_shows_are_left_out(bench: Any) -> None:
    sessao = bench.begin()
    answer = bench.post(
        f"api/sessions/{sessao}/messages", data=rb'{"pergunta": "a\u0000b\u001b[31m\ud800c"}',
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code == 200
    assert ChatExchanged.decode(bench.broker.published[-1].value).pergunta == "ab[31mc"


def test_while_a_human_has_it_the_bot_is_silent(bench: Any) -> None:
    sessao = bench.begin()
    bench.attend(sessao, "take", atendente="Bia")
    assert bench.say(sessao, "Olá").get_json()["resposta"] == ""
    bench.attend(sessao, "release", atendente="Bia")
    assert bench.say(sessao, "Olá").get_json()["resposta"] == "Oi"


def test_while_a_human_was_called_and_is_not_here_yet_the_bot_says_so(bench: Any, talk: Any) -> None:
    angry = talk.said("Que horror")
    for record in (talk.opened(), angry, talk.felt(angry), talk.raised(angry)):
        bench.broker.hear(record)
    assert bench.say(talk.sessao, "Ninguém responde").get_json()["resposta"] == bot.CALLED["pt-BR"]
    assert bench.say(talk.sessao, "Olá").get_json()["resposta"] == "Oi"


def test_a_stream_begins_with_the_whole_conversation_and_ends_it_with_the_state(bench: Any) -> None:
    sessao = bench.begin()
    bench.say(sessao, "Olá")
    bench.attend(sessao, "take", atendente="Bia")
    bench.attend(sessao, "messages", atendente="Bia", mensagem="Aqui é a Bia")
    found = streamed(bench.get(f"api/sessions/{sessao}/events"), 4)
    assert [(name, data.get("de"), data.get("texto")) for name, data in found] == [
        ("message", "cliente", "Olá"),
        ("message", "robo", "Oi"),
        ("message", "atendente", "Aqui é a Bia"),
        ("state", None, None),
    ]
    assert found[-1][1] == {"estado": "human", "atendente": "Bia"}


def test_a_stream_is_of_its_session_alone(bench: Any) -> None:
    mine, other = bench.begin("Ana"), bench.begin("Rui")
    bench.say(other, "segredo do Rui")
    assert [name for name, _ in streamed(bench.get(f"api/sessions/{mine}/events"), 1)] == ["state"]


def test_no_session_can_be_named_so_that_it_hears_the_attendants(bench: Any, talk: Any) -> None:
    talk.sessao = ATTENDANTS
    bench.broker.hear(talk.said("Oi", "Olá"))
    answer = bench.get(f"api/sessions/{ATTENDANTS}/events")
    chunks = iter(answer.response)
    read = [next(chunks) for _ in range(4)]
    bench.hub.send("session", {"nome": "Ana"}, channel=ATTENDANTS)
    bench.hub.send("state", {}, channel=channel_of(ATTENDANTS))
    read.append(next(chunks))
    answer.close()
    assert [chunk for chunk in read if b"event: session" in chunk] == []
    assert b"event: state" in read[-1]


def test_a_session_that_another_program_began_is_served(bench: Any, talk: Any) -> None:
    """It is known when the mirror has caught up."""
    bench.broker.unheard.append(talk.said("Oi", "Olá"))
    assert bench.say("s1", "Olá").status_code == 200
    assert ChatExchanged.decode(bench.broker.published[-1].value).nome == "Ana"


def test_an_unknown_session_is_404_everywhere(bench: Any, new_session: str) -> None:
    for answer in (
        bench.say(new_session, "Oi"),
        bench.get(f"api/sessions/{new_session}/events"),
        bench.attend(new_session, "take", atendente="Bia"),
        bench.attend(new_session, "release", atendente="Bia"),
        bench.attend(new_session, "close", atendente="Bia"),
        bench.attend(new_session, "messages", atendente="Bia", mensagem="Oi"),
    ):
        problem(answer, 404, "no-such-session")
    assert bench.broker.published == []


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
def test_a_bad_message_is_refused_and_not_published(bench: Any, body: Any, status: int, code: str) -> None:
    sessao = bench.begin()
    problem(bench.post(f"api/sessions/{sessao}/messages", body), status, code)
    assert len(bench.broker.published) == 1


NAMES = [
    ({"nome": ""}, 400, "name"),
    ({"nome": "   "}, 400, "name"),
    ({"nome": "x" * 101}, 413, "name"),
    ({}, 422, "missing-field"),
    ({"nome": 1}, 422, "wrong-type"),
    ([], 422, "not-an-object"),
]


@pytest.mark.parametrize(("body", "status", "code"), NAMES)
def test_a_bad_name_is_refused(bench: Any, body: Any, status: int, code: str) -> None:
    problem(bench.post("api/sessions", body), status, code)
    assert bench.broker.published == []


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
def test_what_is_no_json_is_refused(bench: Any, data: bytes, content_type: str, status: int) -> None:
    answer = bench.post("api/sessions", data=data, content_type=content_type)
    assert (answer.status_code, answer.mimetype) == (status, PROBLEM)
    assert bench.broker.published == []


def test_the_sentence_is_in_the_language_of_the_request_and_names_the_limit(bench: Any) -> None:
    path = f"api/sessions/{bench.begin()}/messages"
    english = bench.post(path, {"pergunta": "x" * 5_000}, headers={"Accept-Language": "en"}).get_json()["detail"]
    portuguese = bench.post(path, {"pergunta": "x" * 5_000}, headers={"Accept-Language": "pt-BR"}).get_json()["detail"]
    assert english == "The message is too long: at most 4000 characters."
    assert "4000" in portuguese
    assert portuguese != english


def test_without_a_broker_it_says_so_and_shows_what_it_knows(bench: Any) -> None:
    sessao = bench.begin()
    bench.say(sessao, "Olá")
    bench.broker.away = True
    for answer in (
        bench.post("api/sessions", {"nome": "Rui"}),
        bench.say(sessao, "Oi"),
        bench.attend(sessao, "take", atendente="Bia"),
        bench.get("api/sessions/unknown/events"),
    ):
        problem(answer, 503, "broker-away")
        assert int(answer.headers["Retry-After"]) > 0
    assert len(streamed(bench.get(f"api/sessions/{sessao}/events"), 3)) == 3
    assert bench.get("readyz").status_code == 503
    assert bench.get("healthz").status_code == 200


def test_it_is_not_ready_before_it_has_read_what_the_topics_hold(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.parts.SEEN_WITHIN", 0.01)
    bench.broker.caught_up.clear()
    assert bench.get("readyz").get_json()["checks"] == {"broker": True, "conversations": False}
    problem(bench.get("api/sessions/unknown/events"), 503, "broker-away")
    bench.broker.caught_up.set()
    assert bench.get("readyz").status_code == 200


def test_a_flood_of_messages_in_one_session_is_stopped(bench: Any) -> None:
    sessao, other = bench.begin("Ana"), bench.begin("Rui")
    for _ in range(api.MESSAGES_PER_MINUTE):
        assert bench.say(sessao, "Oi").status_code == 200
    answer = bench.say(sessao, "Oi")
    problem(answer, 429, "too-many-requests")
    assert int(answer.headers["Retry-After"]) > 0
    assert bench.say(other, "Oi").status_code == 200


def test_a_flood_from_one_client_is_stopped_whatever_the_session(bench: Any) -> None:
    statuses = [bench.say(f"s{number}", "").status_code for number in range(api.MESSAGES_OF_CLIENT)]
    assert set(statuses) == {400}
    problem(bench.say("another", "Oi"), 429, "too-many-requests")
    other = bench.say(bench.begin(), "Oi")
    assert other.status_code == 429
    elsewhere = bench.client.post(
        f"/chat/api/sessions/{bench.begin()}/messages", json={"pergunta": "Oi"}, headers={"X-Forwarded-For": "1.2.3.4"}
    )
    assert elsewhere.status_code == 200


def test_guessing_sessions_is_stopped(bench: Any) -> None:
    sessao = bench.begin()
    for number in range(api.UNKNOWN_PER_MINUTE):
        problem(bench.get(f"api/sessions/{number}/events"), 404, "no-such-session")
    problem(bench.say("another", "Oi"), 429, "too-many-requests")
    assert bench.say(sessao, "Oi").status_code == 200
    assert len(streamed(bench.get(f"api/sessions/{sessao}/events"), 3)) == 3


def test_a_flood_of_sessions_is_stopped(bench: Any) -> None:
    for _ in range(api.SESSIONS_PER_MINUTE):
        bench.begin()
    answer = bench.post("api/sessions", {"nome": "Ana"})
    problem(answer, 429, "too-many-requests")
    assert len(bench.broker.published) == api.SESSIONS_PER_MINUTE


def test_requests_from_other_sites_are_refused(bench: Any) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        problem(bench.post("api/sessions", {"nome": "Ana"}, headers=headers), 403, "cross-site")
    assert bench.post("api/sessions", {"nome": "Ana"}, headers={"Origin": "http://localhost"}).status_code == 201


@pytest.mark.parametrize("path", ["api", "api/sessions/x", "api/sessions/x/y", "nothing"])
def test_other_addresses_are_404(bench: Any, path: str) -> None:
    problem(bench.get(path), 404, "not-found")
