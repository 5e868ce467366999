"""The customer's chat page and its API."""

import time
import uuid
from typing import cast

from events.conversation import ChatExchanged, ConversationChanged
from events.event import Cause
from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext as _
from web import idempotency_key, limiter
from web.languages import language
from werkzeug.routing import BaseConverter

from . import bot, form
from .backend import PREFIX, backend, channel_of, event_id
from .conversations import MAX_TEXT_CHARACTERS

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
def create_session() -> tuple[Response, int]:
    nome, sessao, now = form.name("nome"), str(uuid.uuid4()), time.time()
    opened = ConversationChanged(sessao=sessao, evento="aberta", nome=nome, timestamp=now)
    backend().publish("conversation", opened, now)
    return jsonify(sessao=sessao, nome=nome), 201


@chat.post("/api/sessions/<sessao:sessao>/messages")
@limiter.limit(f"{MESSAGES_PER_MINUTE_AND_CLIENT} per minute", error_message=_too_many_messages)
@limiter.limit(
    f"{MESSAGES_PER_MINUTE} per minute",
    key_func=lambda: f"session {(request.view_args or {}).get('sessao')}",
    error_message=_too_many_messages,
)
@limit_unknown_sessions
def post_message(sessao: str) -> Response:
    """Publish a message with the bot's reply. A request repeated with its Idempotency-Key gets the same response."""
    pergunta, key = form.message("pergunta"), idempotency_key()
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
    return jsonify(resposta=exchange.resposta, id=id)


@chat.get("/api/sessions/<sessao:sessao>/events")
@limiter.limit(f"{STREAMS_PER_MINUTE} per minute")
@limit_unknown_sessions
def stream_events(sessao: str) -> Response:
    conversations = backend().conversations
    backend().require_session(sessao)
    return backend().hub.stream(lambda: conversations.events(sessao), channel=channel_of(sessao))
