"""The attendants' console and its API. Who has a conversation is decided by the log: publish, look, answer."""

from typing import Any, Literal

from bus import Event
from bus.conversation import ConversationChanged, HumanReplied
from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from web import Problem, idempotency_key, limiter
from web.limits import retry_after
from web.security import from_another_site

from . import form
from .conversations import LONGEST_TEXT
from .entry import bearer
from .parts import ATTENDANTS, PREFIX, id_of, parts

ATTEMPTS = "10 per minute; 100 per hour"
"""Wrong tokens of one client. Whoever has entered is not kept out by others, and who tries none is not counted."""
MESSAGES_PER_MINUTE = 600

console = Blueprint("console", __name__, url_prefix=f"{PREFIX}/attendant")
api = Blueprint("attendant", __name__, url_prefix=f"{PREFIX}/api/attendant")


def _slowly() -> str:
    return str(_("Too many attempts; please wait a moment."))


def _has_entered() -> bool:
    return parts().entry.has_cookie()


def _tried(response: Response) -> bool:
    """Whether a wrong token was tried. A console whose cookie has ended asks without one until someone enters anew."""
    return response.status_code == 403 and ("token" in request.values or bearer() is not None)


attempts = limiter.shared_limit(
    ATTEMPTS,
    scope="attempts",
    exempt_when=_has_entered,
    deduct_when=_tried,
    error_message=_slowly,
)


@console.get("")
@attempts
def page() -> Response:
    entry = parts().entry
    if "token" in request.args:
        return _entered(request.args["token"])
    if not entry.may_enter():
        # Of a link on another site the browser keeps the cookie back; the request of a page here will bring it.
        template = "attendant_again.html" if from_another_site() else "attendant_login.html"
        return _private(make_response(render_template(template, problem=None)))
    html = render_template("attendant.html", max_characters=LONGEST_TEXT, max_name=form.LONGEST_NAME)
    return _private(make_response(html))


@console.post("")
@attempts
def enter() -> Response:
    return _entered(request.form.get("token", ""))


@console.post("/logout")
def leave() -> Response:
    return parts().entry.dismiss(make_response(redirect(url_for("console.page"), 303)))


def _entered(token: str) -> Response:
    entry = parts().entry
    if not entry.is_token(token.strip()):
        return _refused(_("This is not the token."), 403)
    return _private(entry.admit(make_response(redirect(url_for("console.page"), 303))))


def _refused(problem: str, status: int) -> Response:
    return _private(make_response(render_template("attendant_login.html", problem=problem), status))


@console.errorhandler(429)
def too_often(_error: Exception) -> Response:
    response = _refused(_slowly(), 429)
    response.headers["Retry-After"] = str(retry_after())
    return response


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@api.before_request
@attempts
def guard() -> None:
    if not parts().entry.may_enter():
        raise Problem(403, "not-an-attendant", _("This is for attendants; the token is missing or wrong."))


@api.get("/sessions")
def sessions() -> Response:
    parts().must_have_caught_up()
    return _private(jsonify(sessions=parts().conversations.queue()))


@api.get("/events")
def events() -> Response:
    parts().must_have_caught_up()
    conversations = parts().conversations
    return parts().hub.stream(lambda: [("session", row) for row in conversations.queue()], channel=ATTENDANTS)


@api.post("/sessions/<sessao:sessao>/take")
def take(sessao: str) -> Response:
    return _change(sessao, "assumida")


@api.post("/sessions/<sessao:sessao>/release")
def release(sessao: str) -> Response:
    return _change(sessao, "devolvida")


@api.post("/sessions/<sessao:sessao>/close")
def close(sessao: str) -> Response:
    return _change(sessao, "encerrada")


@api.post("/sessions/<sessao:sessao>/messages")
@limiter.limit(f"{MESSAGES_PER_MINUTE} per minute")
def reply(sessao: str) -> Response:
    atendente, mensagem, key = form.name("atendente"), form.message("mensagem"), idempotency_key()
    parts().must_know(sessao)
    at = parts().conversations.moment(sessao)
    event = HumanReplied(sessao=sessao, atendente=atendente, mensagem=mensagem)
    return _published(sessao, "chat-reply", event, at, id_of(key, sessao, atendente, mensagem))


def _change(sessao: str, evento: Literal["assumida", "devolvida", "encerrada"]) -> Response:
    atendente = form.name("atendente")
    parts().must_know(sessao)
    conversations = parts().conversations
    state, at = conversations.state(sessao), conversations.moment(sessao)
    if evento == "assumida" and (state.estado, state.atendente) == ("human", atendente):  # say, in another window
        return jsonify(conversations.summary(sessao))
    event = ConversationChanged(sessao=sessao, evento=evento, atendente=atendente, timestamp=at)
    return _published(sessao, "conversation", event, at, id_of(None))


def _published(sessao: str, topic: str, event: Event, at: float, id: str) -> Response:
    """Publish the event, unless it is there or could not count any more; what then is in the log decides."""
    conversations = parts().conversations
    if not conversations.event(topic, sessao, id):
        if not conversations.state(sessao).may(event, at):
            raise _held(conversations.summary(sessao))
        parts().publish(topic, event, at, id)
    if not conversations.counted(sessao, id):
        raise _held(conversations.summary(sessao))
    return jsonify(conversations.summary(sessao) | {"id": id})


def _held(row: dict[str, Any]) -> Problem:
    """409: who has the conversation, or that nobody has."""
    if row["estado"] == "human":
        sentence = _("%(name)s has this conversation.", name=row["atendente"])
    elif row["estado"] == "closed":
        sentence = _("This conversation is closed.")
    else:
        sentence = _("Nobody has this conversation; take it first.")
    return Problem(409, "held", sentence, estado=row["estado"], atendente=row["atendente"])
