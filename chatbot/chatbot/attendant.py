"""The attendants' console and its API. The log decides who has a conversation: publish, read back, respond."""

from typing import Literal, NotRequired, cast

from events import Event
from events.conversation import ConversationChanged, HumanReplied
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from typing_extensions import TypedDict
from web import IdempotencyKey, Problem, ProblemBody, fault, guard, limiter, operation
from web.attendant_auth import LOGIN_ATTEMPTS, is_failed_login
from web.limits import retry_after
from web.security import is_cross_site

from . import form
from .api import SessionId
from .backend import ATTENDANTS_CHANNEL, PREFIX, backend, event_id
from .conversations import MAX_TEXT_CHARACTERS
from .form import Attendant, Reply
from .shown import State, Summary

MESSAGES_PER_MINUTE = 600

console = Blueprint("console", __name__, url_prefix=f"{PREFIX}/attendant")
api = Blueprint("attendant", __name__, url_prefix=f"{PREFIX}/api/attendant")


class Queue(TypedDict):
    sessions: list[Summary]
    """The most urgent first."""


class Changed(Summary):
    """A conversation after what an attendant has done."""

    id: NotRequired[str]
    """The `ce_id` of the record; of a change that had been made before there is none."""


class Held(ProblemBody, State):
    """Another attendant has the conversation, or nobody has."""


NO_SUCH_SESSION, AWAY = fault(404, "no-such-session"), fault(503, "broker-away")
CHANGE_FAULTS = (fault(400, "name"), NO_SUCH_SESSION, fault(409, "held", body=Held), fault(413, "name"), AWAY)
REPLY_FAULTS = (*CHANGE_FAULTS, fault(400, "empty-message"), fault(413, "message-too-long"))


def _too_many_attempts() -> str:
    return str(_("Too many attempts; please wait a moment."))


def _is_logged_in() -> bool:
    return backend().auth.has_cookie()


limit_login_attempts = limiter.shared_limit(
    LOGIN_ATTEMPTS,
    scope="attempts",
    exempt_when=_is_logged_in,
    deduct_when=is_failed_login,
    error_message=_too_many_attempts,
)


@console.get("")
@limit_login_attempts
def page() -> Response:
    if "token" in request.args:
        return _log_in(request.args["token"])
    if not backend().auth.is_attendant():
        # The browser withholds the strict cookie from a link on another site; a reload by our own page sends it.
        template = "attendant_again.html" if is_cross_site() else "attendant_login.html"
        return _private(make_response(render_template(template, problem=None)))
    html = render_template("attendant.html", max_characters=MAX_TEXT_CHARACTERS, max_name=form.MAX_NAME_CHARACTERS)
    return _private(make_response(html))


@console.post("")
@limit_login_attempts
def log_in() -> Response:
    return _log_in(request.form.get("token", ""))


@console.post("/logout")
def log_out() -> Response:
    return backend().auth.delete_cookie(make_response(redirect(url_for("console.page"), 303)))


def _log_in(token: str) -> Response:
    auth = backend().auth
    if not auth.is_token(token.strip()):
        return _login_page(_("This token is not valid."), 403)
    return _private(auth.set_cookie(make_response(redirect(url_for("console.page"), 303))))


def _login_page(problem: str, status: int) -> Response:
    return _private(make_response(render_template("attendant_login.html", problem=problem), status))


@console.errorhandler(429)
def handle_too_many_attempts(_error: Exception) -> Response:
    response = _login_page(_too_many_attempts(), 429)
    response.headers["Retry-After"] = str(retry_after())
    return response


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


@api.before_request
@guard(fault(403, "not-an-attendant"), fault(429))
@limit_login_attempts
def require_attendant() -> None:
    if not backend().auth.is_attendant():
        raise Problem(403, "not-an-attendant", _("Only attendants have access; the token is missing or wrong."))


@api.get("/sessions")
@operation(AWAY)
def list_sessions() -> tuple[Queue, Literal[200], dict[str, str]]:
    """The queue of conversations."""
    backend().require_caught_up()
    return {"sessions": backend().conversations.queue()}, 200, {"Cache-Control": "no-store"}


@api.get("/events")
@operation(AWAY, events={"session": Summary})
def stream_sessions() -> Response:
    """The queue, then each conversation that changes, live."""
    backend().require_caught_up()
    conversations = backend().conversations
    return backend().hub.stream(lambda: [("session", row) for row in conversations.queue()], channel=ATTENDANTS_CHANNEL)


@api.post("/sessions/<sessao:sessao>/take")
@operation(*CHANGE_FAULTS)
def take(sessao: SessionId, body: Attendant) -> Changed:
    """Take a conversation."""
    return _change(sessao, body, "assumida")


@api.post("/sessions/<sessao:sessao>/release")
@operation(*CHANGE_FAULTS)
def release(sessao: SessionId, body: Attendant) -> Changed:
    """Hand a conversation back to the bot."""
    return _change(sessao, body, "devolvida")


@api.post("/sessions/<sessao:sessao>/close")
@operation(*CHANGE_FAULTS)
def close(sessao: SessionId, body: Attendant) -> Changed:
    """Close a conversation."""
    return _change(sessao, body, "encerrada")


@api.post("/sessions/<sessao:sessao>/messages")
@limiter.limit(f"{MESSAGES_PER_MINUTE} per minute")
@operation(*REPLY_FAULTS)
def reply(sessao: SessionId, body: Reply, key: IdempotencyKey) -> Changed:
    """Answer the customer. A request repeated with its Idempotency-Key is said once."""
    atendente, mensagem = body.atendente, body.mensagem
    backend().require_session(sessao)
    at = backend().conversations.next_timestamp(sessao)
    event = HumanReplied(sessao=sessao, atendente=atendente, mensagem=mensagem)
    return _publish(sessao, "chat-reply", event, at, event_id(key, sessao, atendente, mensagem))


def _change(sessao: str, body: Attendant, evento: Literal["assumida", "devolvida", "encerrada"]) -> Changed:
    backend().require_session(sessao)
    at = backend().conversations.next_timestamp(sessao)
    event = ConversationChanged(sessao=sessao, evento=evento, atendente=body.atendente, timestamp=at)
    return _publish(sessao, "conversation", event, at, event_id(None))


def _publish(sessao: str, topic: str, event: Event, at: float, id: str) -> Changed:
    """Publish the event unless it is in the log already. Raises Problem (409) if the state does not allow it."""
    conversations = backend().conversations
    if not conversations.event(topic, sessao, id):
        if not conversations.state(sessao).may(event, at):
            return _unchanged(sessao, event)
        backend().publish(topic, event, at, id)
    if not conversations.is_accepted(sessao, id):
        return _unchanged(sessao, event)
    return {**conversations.summary(sessao), "id": id}


def _unchanged(sessao: str, event: Event) -> Changed:
    """The response to an event that changes nothing. Raises Problem (409), unless its attendant has done that already:
    in another window, or by a request that was answered 503.
    """
    conversations = backend().conversations
    if isinstance(event, ConversationChanged):
        state, last = conversations.state(sessao), conversations.last_change(sessao)
        holds = (state.estado, state.atendente) == ("human", event.atendente)
        repeated = last is not None and (last.evento, last.atendente) == (event.evento, event.atendente)
        if holds if event.evento == "assumida" else repeated:
            return cast(Changed, conversations.summary(sessao))
    raise _conflict(conversations.summary(sessao))


def _conflict(row: Summary) -> Problem:
    """The problem (409) that says who has the conversation, or that nobody has."""
    if row["estado"] == "human":
        sentence = _("%(name)s has this conversation.", name=row["atendente"])
    elif row["estado"] == "closed":
        sentence = _("This conversation is closed.")
    else:
        sentence = _("Nobody has this conversation; take it first.")
    return Problem(409, "held", sentence, **State(estado=row["estado"], atendente=row["atendente"]))
