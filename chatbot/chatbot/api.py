"""The chat page and its API: what a customer sees."""

import time
import uuid
from typing import cast

from bus.conversation import ChatExchanged, ConversationChanged
from flask import Blueprint, Response, jsonify, render_template, request
from flask_babel import gettext as _
from web import idempotency_key, limiter
from web.languages import language
from werkzeug.routing import BaseConverter

from . import bot, form
from .conversations import LONGEST_TEXT
from .parts import PREFIX, channel_of, id_of, parts

SESSIONS_PER_MINUTE = 120
"""Of one client: a class behind one address begins within a minute."""
MESSAGES_PER_MINUTE = 60
"""Of one session: nobody types faster."""
MESSAGES_OF_CLIENT = 600
STREAMS_PER_MINUTE = 1_200
"""Of one client: a whole class reloads its pages now and then."""

UNKNOWN_PER_MINUTE = 60
"""Sessions asked for by one client that nobody knows: each is looked for in the topics."""

chat = Blueprint("chat", __name__, url_prefix=PREFIX, static_folder="static", template_folder="templates")


class AnyText(BaseConverter):
    """The id of a session in an address: other programs choose it, with slashes too."""

    regex = "(?s:.+?)"
    part_isolating = False


chat.record_once(lambda setup: setup.app.url_map.converters.update(sessao=AnyText))


def _slowly() -> str:
    return str(_("Too many messages; please wait a moment."))


def _is_known() -> bool:
    return parts().conversations.known((request.view_args or {})["sessao"])


unknown = limiter.shared_limit(
    f"{UNKNOWN_PER_MINUTE} per minute",
    scope="unknown",
    exempt_when=_is_known,
    deduct_when=lambda response: response.status_code == 404,
)


@chat.get("/")
def page() -> str:
    return render_template("chat.html", max_characters=LONGEST_TEXT, max_name=form.LONGEST_NAME)


@chat.post("/api/sessions")
@limiter.limit(f"{SESSIONS_PER_MINUTE} per minute")
def begin() -> tuple[Response, int]:
    nome, sessao, now = form.name("nome"), str(uuid.uuid4()), time.time()
    opened = ConversationChanged(sessao=sessao, evento="aberta", nome=nome, timestamp=now)
    parts().publish("conversation", opened, now)
    return jsonify(sessao=sessao, nome=nome), 201


@chat.post("/api/sessions/<sessao:sessao>/messages")
@limiter.limit(f"{MESSAGES_OF_CLIENT} per minute", error_message=_slowly)
@limiter.limit(
    f"{MESSAGES_PER_MINUTE} per minute",
    key_func=lambda: f"session {(request.view_args or {}).get('sessao')}",
    error_message=_slowly,
)
@unknown
def say(sessao: str) -> Response:
    """Of a message that came before by the same Idempotency-Key, the answer is what it was then."""
    pergunta, key = form.message("pergunta"), idempotency_key()
    parts().must_know(sessao)
    conversations, id = parts().conversations, id_of(key, sessao, pergunta)
    exchange = conversations.event("chatbot", sessao, id)
    if exchange is None:
        state, at = conversations.state(sessao), conversations.moment(sessao)
        resposta = bot.reply(pergunta, state.estado, cast(bot.Language, language()))
        said = ChatExchanged(sessao=sessao, nome=state.nome, pergunta=pergunta, resposta=resposta, timestamp=at)
        parts().publish("chatbot", said, at, id)
        exchange = conversations.event("chatbot", sessao, id) or said  # of two tries at once, the first in the log
    return jsonify(resposta=exchange.resposta, id=id)


@chat.get("/api/sessions/<sessao:sessao>/events")
@limiter.limit(f"{STREAMS_PER_MINUTE} per minute")
@unknown
def events(sessao: str) -> Response:
    conversations = parts().conversations
    parts().must_know(sessao)
    return parts().hub.stream(lambda: conversations.events(sessao), channel=channel_of(sessao))
