"""Dead letters over HTTP: the list, one of them, replay and drop."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bus.dead_letters import DeadLetter, LetterId, Wanted
from bus.dead_letters.words import ENGLISH, PORTUGUESE, Words
from events.catalogue import dead_letters_of
from flask import Blueprint, Response, current_app, jsonify, request
from flask_babel import gettext as _
from web import Problem
from web.languages import language
from web.operations import json_of_request

from .answers import ask, broker_away, fresh
from .letters import Action, Busy, Letters
from .values import headers_of, value_of

EXTENSION = "observer-letters"
MAX_IDS = 1_000
"""Dead letters that one request may name."""
MAX_NAME_CHARACTERS = 200
SERVICE = re.compile(r"[a-zA-Z0-9._-]+")
"""As the name of its topic allows."""

api = Blueprint("live_letters", __name__, url_prefix="/api/dead-letters")


def letters() -> Letters:
    return current_app.extensions[EXTENSION]  # type: ignore[no-any-return]


@api.get("")
def listed() -> Response:
    """The newest first: of a `service`, of a `reason`, of a time (`since`, ms) on; without any all."""
    given = {name: request.args.get(name) or None for name in ("service", "reason", "since")}
    wanted = _wanted(given)
    found = ask(lambda: letters().newest(wanted))
    return fresh(jsonify(letters=[_to_json(one) for one in found.letters], complete=found.complete))


@api.get("/<service>/<partition>/<offset>")
def shown(service: str, partition: str, offset: str) -> Response:
    """One with all that is in it, and all that the same record has become before and since."""
    id = _id(f"{service}/{partition}/{offset}")
    whole = ask(lambda: letters().show(id))
    if whole is None:
        raise Problem(404, "no-such-dead-letter", _said().outcomes["missing"].format(id=id))
    history = ask(lambda: letters().history(whole.letter))
    return fresh(
        jsonify(
            letter=_to_json(whole.letter),
            key=value_of(whole.key),
            headers=headers_of(list(whole.headers)),
            value=value_of(whole.value),
            history=[_to_json(one) for one in history],
        )
    )


@api.post("/replay")
def replay() -> Response:
    """Replay those with these `ids`, or all that wait of a `service`, a `reason`, a time (`since`) on.

    The answer is a line of JSON for each, as soon as it is done.
    """
    return _handle("replay")


@api.post("/drop")
def drop() -> Response:
    """Otherwise as `replay`."""
    return _handle("drop")


def _handle(action: Action) -> Response:
    desk, wanted, said = letters(), _asked(), _said()
    busy = _("Others are replaying or dropping dead letters, or this service is restarting. Please try again.")
    away = broker_away().body["detail"]

    def lines() -> Iterator[str]:
        try:
            for result in desk.handle(action, wanted):
                topic = desk.names.topic(result.topic)
                sentence = said.outcomes[result.outcome].format(id=result.id, topic=topic)
                yield _line(id=str(result.id), outcome=result.outcome, detail=sentence, refused=result.refused)
        except ConnectionError:
            yield _line(problem=away)
        except Busy:
            yield _line(problem=busy)

    answer = Response(lines(), mimetype="application/x-ndjson", headers={"X-Accel-Buffering": "no"})
    return fresh(answer)


def _asked() -> Wanted:
    """Which are to be handled, from the body. Raises Problem; nobody handles all by leaving something out."""
    body = json_of_request()
    given = {name: one for name, one in body.items() if one is not None} if isinstance(body, dict) else {}
    if not given.keys() <= {"ids", "service", "reason", "since"} or ("ids" in given) == bool(given.keys() - {"ids"}):
        raise Problem(422, "which", _("Say which: either ids, or service, reason or since."))
    if "ids" not in given:
        return _wanted(given)
    ids = given["ids"]
    if not isinstance(ids, list) or not 0 < len(ids) <= MAX_IDS:
        raise Problem(422, "ids", _("ids is a list of 1 to %(most)s dead letters.", most=MAX_IDS))
    return Wanted(ids=frozenset(map(_id, ids)))


def _wanted(given: Mapping[str, Any]) -> Wanted:
    service, reason, since = (given.get(name) for name in ("service", "reason", "since"))
    for name, text in (("service", service), ("reason", reason)):
        if text is not None and not (isinstance(text, str) and 0 < len(text) <= MAX_NAME_CHARACTERS):
            sentence = _("%(name)s is a text of 1 to %(most)s characters.", name=name, most=MAX_NAME_CHARACTERS)
            raise Problem(422, name, sentence)
    if service is not None and not SERVICE.fullmatch(service):
        raise Problem(422, "service", _("The name of a service has letters, digits, dots, dashes and underscores."))
    if since is not None and not re.fullmatch(r"\d{1,15}", str(since), re.ASCII):
        raise Problem(422, "since", _("since is a time in milliseconds since 1970."))
    services = (service,) if service else tuple(letters().services())
    return Wanted(services, reason, None if since is None else int(since) / 1000)


def _id(text: Any) -> LetterId:
    try:
        id = LetterId.parse(text)
        if SERVICE.fullmatch(id.service):
            return id
        raise ValueError(text)
    except (ValueError, TypeError):
        raise Problem(422, "id", _said().no_id.format(text=str(text)[:MAX_NAME_CHARACTERS])) from None


def _to_json(letter: DeadLetter) -> dict[str, Any]:
    names, id = letters().names, letter.id
    there = names.topic(letters().settings.topic(dead_letters_of(id.service)))
    topic = names.topic(letter.topic)
    return {
        "id": str(id),
        "service": id.service,
        "place": {"topic": there, "partition": id.partition, "offset": id.offset},
        "at": letter.at_ms,
        "state": letter.state,
        "error": letter.error,
        "message": letter.message,
        "attempts": letter.attempts,
        "group": letter.group,
        "replays": letter.replays,
        "replay_of": str(letter.replay_of) if letter.replay_of else None,
        "original": {
            "topic": topic or None,
            "partition": letter.partition,
            "offset": letter.offset,
            "at": letter.timestamp_ms,
        },
        "obstacle": _said().outcomes[letter.trouble].format(id=id, topic=topic) if letter.trouble else None,
    }


def _said() -> Words:
    return PORTUGUESE if language() == "pt-BR" else ENGLISH


def _line(**fields: Any) -> str:
    return json.dumps(fields, ensure_ascii=False) + "\n"
