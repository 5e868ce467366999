"""The page, its API and its event stream."""

from collections.abc import Mapping
from typing import Any

from bus.browser import Bounds, Wanted
from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from web import Problem
from web.languages import language

from . import letters_api
from .access import access, guard
from .answers import ask, fresh
from .observatory import Observatory
from .summary import MAX_KEY_CHARACTERS, PLACE, Summary, summary_of
from .values import headers_of, value_of
from .ways import way_of

SERVICE = "observer"
PREFIX = "/live"
DEFAULT_RECENT, MAX_RECENT = 200, 1_000
DEFAULT_RECORDS, MAX_RECORDS = 20, 100
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Bytes of the values that are read from Kafka for one answer."""
MAX_MS = 2**53

pages = Blueprint("live", __name__, url_prefix=PREFIX, static_folder="static", template_folder="templates")
api = Blueprint("live_api", __name__, url_prefix=PREFIX)
door = Blueprint("door", __name__, url_prefix=PREFIX)
api.register_blueprint(letters_api.api)
guard(pages, api)


def observatory() -> Observatory:
    return current_app.extensions[SERVICE]  # type: ignore[no-any-return]


@door.get("/home")
def home() -> Response:
    """Where `/` leads, as the gateway asks: to this page; where it is not for everybody, 404 and so the start page."""
    if not access().is_open:
        raise Problem(404, "not-found", _("There is nothing at this address."))
    query = request.query_string.decode("latin-1")
    return fresh(make_response(redirect(url_for("live.page") + (f"?{query}" if query else ""))))


@pages.get("/")
def page() -> Response:
    observatory().asked()
    here = observatory()
    html = render_template("live.html", graph=here.state.graph(), language=language(), has_class=bool(here.classroom))
    return fresh(make_response(html))


@api.get("/api/graph")
def graph() -> Response:
    observatory().asked()
    return fresh(jsonify(observatory().state.graph()))


@api.get("/api/class")
def class_() -> Response:
    """All suites of the class, as the last look saw them."""
    classroom = observatory().classroom
    if classroom is None:
        raise Problem(404, "no-class", _("There is no class here: LIVE_PREFIXES is not set."))
    return fresh(jsonify(classroom.report()))


@api.get("/events")
def events() -> Response:
    here = observatory()
    here.hurry()
    return here.hub.stream(lambda: [("graph", here.state.graph())])


@api.get("/api/recent")
def recent() -> Response:
    wanted = {name: request.args.get(name) or None for name in ("topic", "key", "session", "picture", "trace")}
    found = observatory().ring.select(_number("limit", DEFAULT_RECENT, 1, MAX_RECENT), **wanted)
    return fresh(jsonify(records=[one.to_json() for one in found]))


@api.get("/api/ways/<topic>/<partition>/<offset>")
def way(topic: str, partition: str, offset: str) -> Response:
    here = observatory()
    target = _held(topic, partition, offset)
    if target is None:
        bounds = _bounds(topic)
        number = _partition(partition, bounds)
        target = _read_summary(topic, number, _inside(offset, bounds[number]))
    found = way_of(target, here.ring.all())
    values = _read_again([step.record for step in found.steps])
    steps = []
    for step in found.steps:
        record = values.get(step.record[:3])
        steps.append(
            step.record.to_json()
            | {"parent": step.parent, "after_ms": step.after_ms, "took_ms": step.took_ms}
            | _content(record)
            | {"read_by": here.state.read_by(*step.record[:3])}
        )
    whole = found.is_linked and here.follower.caught_up.is_set() and found.steps[0].record.at >= here.ring.since_ms
    return fresh(jsonify(trace=target.trace, steps=steps, complete=whole, read_by=here.state.read_by(*target[:3])))


@api.get("/api/topics")
def topics() -> Response:
    observatory().asked()
    return fresh(jsonify(topics=observatory().state.topic_list()))


@api.get("/api/topics/<topic>/records")
def records(topic: str) -> Response:
    """Records from an `offset` of a `partition`, from a time (`at`, ms) on, or the `latest`; without any the latest."""
    limit = _number("limit", DEFAULT_RECORDS, 1, MAX_RECORDS)
    asked = [name for name in ("offset", "at", "latest") if request.args.get(name)]
    at_ms = _number("at", 0, 0, MAX_MS)
    if len(asked) > 1:
        raise Problem(422, "one-of", _("Only one of offset, at and latest can be asked for."))
    bounds = _bounds(topic)
    if request.args.get("partition"):
        number = _partition(request.args["partition"], bounds)
        chosen = {number: bounds[number]}
    else:
        chosen = bounds
    if asked == ["offset"]:
        if "partition" not in request.args:
            raise Problem(422, "partition", _("An offset needs its partition."))
        ((number, one),) = chosen.items()
        begins = {number: _inside(request.args["offset"], one)}
    elif asked == ["at"]:
        begins = ask(lambda: observatory().browser.offsets_at(_called(topic), chosen, at_ms))
    else:
        limit = _number("latest", limit, 1, MAX_RECORDS)
        begins = {number: max(one.begin, one.end - limit) for number, one in chosen.items()}
    wanted = {(_called(topic), number): Wanted(begin, limit, at_ms) for number, begin in begins.items()}
    read = _read({place: one for place, one in wanted.items() if one.offset < chosen[place[1]].end})
    rows = sorted(
        ((summary_of(record, observatory().names), record) for record in read),
        key=lambda row: (row[0].at, row[0].partition, row[0].offset),
    )
    rows = rows[:limit] if asked in (["offset"], ["at"]) else rows[-limit:]
    return fresh(
        jsonify(
            topic=topic,
            begin=min(one.begin for one in chosen.values()),
            end=max(one.end for one in chosen.values()),
            records=[summary.to_json() | _content(record) for summary, record in rows],
        )
    )


def _content(record: Any) -> dict[str, Any]:
    """Headers and value of a record, where it could be read; null, where it has left the topic."""
    if record is None:
        return {"headers": None, "value": None, "gone": True}
    return {"headers": headers_of(record.headers), "value": value_of(record.value), "gone": False}


def _read_again(summaries: list[Summary]) -> dict[tuple[str, int, int], Any]:
    """The records of those summaries that Kafka still has."""
    found: dict[tuple[str, int, int], Any] = {}
    names, left, size = observatory().names, list(summaries), 0
    while left and size < MAX_ANSWER_BYTES:
        # One record of each partition at a time, as a consumer has one position there.
        turn = {one[:2]: one for one in reversed(left)}
        left = [one for one in left if turn[one[:2]] is not one]
        wanted = {(names.called(one.topic), one.partition): Wanted(one.offset, 1) for one in turn.values()}
        for record in _read(wanted):
            found[names.topic(record.topic), record.partition, record.offset] = record
            size += len(record.value or b"")
    return found


def _held(topic: str, partition: str, offset: str) -> Summary | None:
    """The record at that place, where it is in memory: it may have left the topic."""
    place = PLACE.fullmatch(f"{topic}/{partition}/{offset}")
    return observatory().ring.at(place["topic"], int(place["partition"]), int(place["offset"])) if place else None


def _read_summary(topic: str, partition: int, offset: int) -> Summary:
    read = _read({(_called(topic), partition): Wanted(offset, 1)})
    if not read or read[0].offset != offset:
        raise Problem(404, "no-such-record", _("There is no record at this offset: it was compacted, or is no event."))
    return summary_of(read[0], observatory().names)


def _bounds(topic: str) -> dict[int, Bounds]:
    """What the partitions of `topic` hold. Raises Problem (404) for a topic that is not there."""
    called = _called(topic)
    bounds = ask(lambda: observatory().browser.bounds(called)) if observatory().names.is_ours(called) else {}
    if not bounds:
        raise Problem(404, "no-such-topic", _("There is no topic %(name)s.", name=topic[:MAX_KEY_CHARACTERS]))
    return bounds


def _called(topic: str) -> str:
    return observatory().names.called(topic)


def _partition(text: str, bounds: Mapping[int, Bounds]) -> int:
    if not text.isdecimal() or not text.isascii():
        raise Problem(422, "partition", _("A partition is a number, such as 0."))
    if len(text) > 9 or int(text) not in bounds:
        raise Problem(404, "no-such-partition", _("The topic has the partitions 0 to %(last)s.", last=max(bounds)))
    return int(text)


def _inside(text: str, bounds: Bounds) -> int:
    if not text.isdecimal() or not text.isascii() or len(text) > 19:
        raise Problem(422, "offset", _("An offset is a number, such as 0."))
    if bounds.begin == bounds.end:
        raise Problem(404, "offset-out-of-range", _("The partition holds no records now."))
    if not bounds.begin <= int(text) < bounds.end:
        sentence = _("The partition holds the offsets %(begin)s to %(last)s.", begin=bounds.begin, last=bounds.end - 1)
        raise Problem(404, "offset-out-of-range", sentence)
    return int(text)


def _number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not text.isascii() or len(text) > 19 or not least <= int(text) <= most:
        sentence = _("%(name)s is a number from %(least)s to %(most)s.", name=name, least=least, most=most)
        raise Problem(422, name, sentence)
    return int(text)


def _read(wanted: Mapping[tuple[str, int], Wanted]) -> list[Any]:
    return ask(lambda: observatory().browser.read(wanted, MAX_ANSWER_BYTES))
