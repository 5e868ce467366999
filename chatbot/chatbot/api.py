"""The customer's chat page and its API."""

import time
import uuid
from typing import Annotated, Literal, cast

from events.conversation import ChatExchanged, ConversationChanged
from events.event import Cause
from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _
from pydantic import Field
from typing_extensions import TypedDict
from web import IdempotencyKey, fault, limiter, operation
from web.languages import language
from werkzeug.routing import BaseConverter

from . import bot, form
from .backend import PREFIX, backend, channel_of, event_id
from .conversations import MAX_TEXT_CHARACTERS
from .form import NewSession, Question
from .shown import Message, State, Tone

SESSIONS_PER_MINUTE = 120
"""Per client: a whole class behind one address may start within a minute."""
MESSAGES_PER_MINUTE = 60
"""Per session: nobody types faster."""
MESSAGES_PER_MINUTE_AND_CLIENT = 600
STREAMS_PER_MINUTE = 1_200
"""Per client: a whole class may reload its pages at once."""

UNKNOWN_SESSIONS_PER_MINUTE = 60
"""Per client: each request for an unknown session makes the mirror catch up with the topics."""

chat = Blueprint("chat", __name__, url_prefix=PREFIX, static_folder="static", template_folder="templates")


class AnyText(BaseConverter):
    """A session id in an address. Other programs choose ids freely, so it may contain slashes."""

    regex = "(?s:.+?)"
    part_isolating = False


SessionId = Annotated[str, Field(description="The `sessao` of a conversation.")]
EVENTS = {"message": Message, "sentiment": Tone, "state": State}


class Session(TypedDict):
    """A conversation that has begun."""

    sessao: str
    nome: str


class Answered(TypedDict):
    """The bot's answer to a message."""

    resposta: str
    """Empty while a human has the conversation."""
    id: str
    """The `ce_id` of the record."""


chat.record_once(lambda setup: setup.app.url_map.converters.update(sessao=AnyText))


def _too_many_messages() -> str:
    return str(_("Too many messages; please wait a moment."))


def _is_known() -> bool:
    return backend().conversations.is_known((request.view_args or {})["sessao"])


limit_unknown_sessions = limiter.shared_limit(
    f"{UNKNOWN_SESSIONS_PER_MINUTE} per minute",
    scope="unknown",
    exempt_when=_is_known,
    deduct_when=lambda response: response.status_code == 404,
)


@chat.get("/")
def page() -> str:
    return render_template("chat.html", max_characters=MAX_TEXT_CHARACTERS, max_name=form.MAX_NAME_CHARACTERS)


@chat.post("/api/sessions")
@limiter.limit(f"{SESSIONS_PER_MINUTE} per minute")
@operation(fault(400, "name"), fault(413, "name"), fault(429), fault(503, "broker-away"))
def create_session(body: NewSession) -> tuple[Session, Literal[201]]:
    """Begin a conversation."""
    nome, sessao, now = body.nome, str(uuid.uuid4()), time.time()
    opened = ConversationChanged(sessao=sessao, evento="aberta", nome=nome, timestamp=now)
    backend().publish("conversation", opened, now)
    return {"sessao": sessao, "nome": nome}, 201


@chat.post("/api/sessions/<sessao:sessao>/messages")
@limiter.limit(f"{MESSAGES_PER_MINUTE_AND_CLIENT} per minute", error_message=_too_many_messages)
@limiter.limit(
    f"{MESSAGES_PER_MINUTE} per minute",
    key_func=lambda: f"session {(request.view_args or {}).get('sessao')}",
    error_message=_too_many_messages,
)
@limit_unknown_sessions
@operation(
    fault(400, "empty-message"),
    fault(404, "no-such-session"),
    fault(413, "message-too-long"),
    fault(429),
    fault(503, "broker-away"),
)
def post_message(sessao: SessionId, body: Question, key: IdempotencyKey) -> Answered:
    """Say something. A request repeated with its Idempotency-Key gets the same answer, and is said once."""
    pergunta = body.pergunta
    backend().require_session(sessao)
    conversations, id = backend().conversations, event_id(key, sessao, pergunta)
    exchange, cause = conversations.event("chatbot", sessao, id), Cause(id)
    if exchange is None:
        state, at = conversations.state(sessao), conversations.next_timestamp(sessao)
        resposta = bot.reply(pergunta, state.estado, cast(bot.Language, language()))
        said = ChatExchanged(sessao=sessao, nome=state.nome, pergunta=pergunta, resposta=resposta, timestamp=at)
        cause = backend().publish("chatbot", said, at, id)
        # Of two concurrent requests, the first in the log.
        exchange = conversations.event("chatbot", sessao, id) or said
    if bot.calls_person(exchange.resposta):
        backend().call_person(exchange, cause)
    return {"resposta": exchange.resposta, "id": id}


@chat.get("/api/sessions/<sessao:sessao>/events")
@limiter.limit(f"{STREAMS_PER_MINUTE} per minute")
@limit_unknown_sessions
@operation(fault(404, "no-such-session"), fault(429), fault(503, "broker-away"), events=EVENTS)
def stream_events(sessao: SessionId) -> Response:
    """The whole conversation, then what comes, live."""
    conversations = backend().conversations
    backend().require_session(sessao)
    return backend().hub.stream(lambda: conversations.events(sessao), channel=channel_of(sessao))
