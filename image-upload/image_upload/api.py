"""The pages and the API. What is shown is read from the store; topics only say when to look."""

import errno
import filecmp
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog
from bus import ImageUploaded
from bus.cluster import ClusterView
from bus.producer import NotPublished, Outgoing, Producer
from flask import Blueprint, Response, current_app, jsonify, render_template, request, send_file
from flask_babel import gettext as _
from flask_limiter import RequestLimit, RouteLimit
from flask_limiter.util import get_remote_address
from pictures import FORMATS, OPERATIONS, About, Refused, Store, Upload
from web import Hub, Problem, idempotency_key, limiter
from web.languages import language
from web.limits import retry_after
from werkzeug.datastructures import FileStorage

from . import form
from .checking import Checker
from .previewing import SIDES, Previews
from .receiving import UploadRequest
from .settings import UploadSettings

log = structlog.get_logger(__name__)

SERVICE = "image-upload"
PREFIX = "/upload"
NEWEST = 50
MOST = 200
STATUS_OF_REFUSAL = {"too-large": 413, "not-an-image": 415, "unsupported-format": 415}
MEDIA_TYPES = {extension: row.media_type for row in FORMATS.values() for extension in row.extensions}
FILE_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, max-age=31536000"}


@dataclass(frozen=True)
class Parts:
    """What the views work with."""

    settings: UploadSettings
    store: Store
    checker: Checker
    previews: Previews
    producer: Producer
    cluster: ClusterView
    hub: Hub


upload = Blueprint("upload", __name__, url_prefix=PREFIX, static_folder="static", template_folder="templates")


def parts() -> Parts:
    return current_app.extensions[SERVICE]  # type: ignore[no-any-return]


def _notifications(key: Callable[[], str], *fields: str) -> RouteLimit:
    """Limits the messages that uploads ask for, by what `key` returns; only for those that fill in one of `fields`."""
    fields = fields or ("email", "telegram_id")

    def refuse(_limit: RequestLimit) -> None:
        sentence = _("Too many messages were asked for; without an address the picture can be sent at once.")
        raise Problem(429, "too-many-messages", sentence, retry_after())

    return limiter.limit(
        lambda: f"{parts().settings.notifications_per_hour} per hour",
        key_func=key,
        cost=lambda: len(_files()) * len(OPERATIONS),
        exempt_when=lambda: not any((request.form.get(field) or "").strip() for field in fields),
        deduct_when=lambda response: response.status_code == 202,
        on_breach=refuse,
    )


@upload.get("/")
def page() -> str:
    return render_template(
        "upload.html",
        max_megabytes=parts().settings.max_upload_mb,
        formats=[
            {
                "name": row.label,
                "extension": row.extension,
                "media_type": row.media_type,
                "megapixels": min(row.megapixels, parts().settings.max_megapixels),
            }
            for row in FORMATS.values()
        ],
        operations=OPERATIONS,
    )


@upload.post("/api/images")
@limiter.limit(lambda: f"{parts().settings.uploads_per_minute} per minute", cost=lambda: max(1, len(_files())))
@_notifications(get_remote_address)
@_notifications(lambda: _told(form.email, "email"), "email")
@_notifications(lambda: _told(form.telegram_id, "telegram_id"), "telegram_id")
def accept() -> tuple[Response, int]:
    """Check all, then store all, then publish all; one that is refused refuses the request.

    What has been given to Kafka stays, whether Kafka acknowledges it or not: it may have it. A client that sends the
    request again with the same Idempotency-Key finds it by the same id, and each answer to it is told once.
    """
    files, store = _files(), parts().store
    if not files:
        raise Problem(400, "missing-field", _('The field "file" is missing: no picture was sent.'))
    lang = form.lang(request.form.get("lang"), language())
    email = form.email(request.form.get("email"))
    telegram_id = form.telegram_id(request.form.get("telegram_id"))
    key = idempotency_key()
    names = [form.original_name(file.filename) for file in files]
    extensions = [_checked(parts().checker, file, name, lang) for file, name in zip(files, names, strict=True)]

    if parts().cluster.problem():
        raise Problem(503, "broker-away", _("Kafka does not answer at the moment. Please try again."), 5)

    events: list[ImageUploaded] = []
    stored: list[str] = []
    try:
        for file, name, extension in zip(files, names, extensions, strict=True):
            id = store.new_id() if key is None else store.id_of(f"{len(events)} {key}")
            known = None if key is None else _sent_before(id, file, name)
            now = known.timestamp if known else time.time()
            if not known:
                stored.append(store.accept(file.stream.name, id, extension, About(name, now, lang)))
            events.append(
                ImageUploaded(
                    timestamp=now,
                    new_file=known.new_file if known else stored[-1],
                    original_name=name,
                    email=email,
                    telegram_id=telegram_id,
                    lang=lang,  # type: ignore[arg-type]
                )
            )
    except Exception:
        for new_file in stored:
            with suppress(OSError):
                store.remove_upload(new_file)
        raise
    try:
        parts().producer.publish([_record(event) for event in events])
    except NotPublished:
        sentence = _("Kafka has not confirmed that it has the picture; it may have it. Please try again.")
        raise Problem(503, "broker-away", sentence, 5) from None
    accepted = [
        {
            "id": event.id,
            "new_file": event.new_file,
            "original_name": event.original_name,
            "url": f"{PREFIX}/api/images/{event.id}",
        }
        for event in events
    ]
    return jsonify(images=accepted), 202


@upload.get("/api/images")
def images() -> Response:
    number = request.args.get("limit", str(NEWEST))
    if not number.isdecimal() or len(number) > 9 or not 1 <= int(number) <= MOST:
        raise Problem(400, "limit", _("limit must be a number from 1 to %(n)s.", n=MOST))
    found = parts().store.uploads(int(number), request.args.get("before"), OPERATIONS)
    return jsonify(images=[as_json(one) for one in found])


@upload.get("/api/images/<id>")
def image(id: str) -> Response:
    return jsonify(as_json(_found(id)))


@upload.get("/api/images/<id>/<which>")
def file(id: str, which: str) -> Response:
    """The original or a result; with `width` a small WebP of it, no wider and no higher."""
    width = request.args.get("width")
    if width not in (None, *map(str, SIDES)):
        raise Problem(400, "width", _("width must be %(small)s or %(large)s.", small=SIDES[0], large=SIDES[1]))
    found = _found(id)
    if which == "original":
        name = f"uploads/{found.new_file}"
    elif which in found.operations and (result := found.operations[which].result):
        name = result
    else:
        raise Problem(404, "no-such-file", _("There is no such file."))
    if width:
        name = _preview(name, int(width))
    suffix = "" if which == "original" else f"_{which}"
    stem, _dot, _ending = found.original_name.rpartition(".")
    extension = name.rpartition(".")[2]
    response = send_file(
        parts().store.path(name),
        mimetype=MEDIA_TYPES[extension.lower()],
        download_name=f"{stem or found.original_name}{suffix}.{extension}",
        conditional=True,
    )
    response.headers.update(FILE_HEADERS)
    return response


@upload.get("/api/events")
def events() -> Response:
    store = parts().store

    def present() -> Iterator[tuple[str, Any]]:
        for one in reversed(store.uploads(NEWEST, None, OPERATIONS)):
            yield "image", as_json(one)

    return parts().hub.stream(present)


@upload.teardown_request
def forget(_error: BaseException | None) -> None:
    if isinstance(request, UploadRequest):
        request.forget_files()


@upload.app_errorhandler(OSError)
def store_fails(error: OSError) -> Response:
    log.error("the store fails", error=str(error))
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        sentence = _("There is no room left for pictures at the moment; nothing was stored. Please try again.")
        return Problem(507, "store-full", sentence, 30).response()
    sentence = _("Pictures cannot be stored or read at the moment. Please try again.")
    return Problem(503, "store-fails", sentence, 30).response()


def _files() -> list[FileStorage]:
    return request.files.getlist("file")


def _told(read: Callable[[str | None], str | None], field: str) -> str:
    """Whom an upload names in a field, whatever the spelling."""
    try:
        return f"{field} {(read(request.form.get(field)) or '').lower()}"
    except Problem:
        return field  # will be refused


def _sent_before(id: str, file: FileStorage, name: str) -> Upload | None:
    """The upload of that id, where there is one already. Raises Problem where it is not this file."""
    found = parts().store.upload(id)
    if found and not filecmp.cmp(file.stream.name, parts().store.path(f"uploads/{found.new_file}"), shallow=False):
        raise Problem(422, "idempotency-key", _("This Idempotency-Key was used for another picture."), file=name)
    return found


def _record(event: ImageUploaded) -> Outgoing:
    """The record of an upload; of one that is sent again for the same people, `ce_id` is the same."""
    id = uuid.uuid5(uuid.NAMESPACE_URL, f"{event.type} {event.id} {event.email} {event.telegram_id}")
    return Outgoing.of("image", event.encoded(), SERVICE).named(str(id))


def _found(id: str) -> Upload:
    found = parts().store.upload(id, OPERATIONS)
    if found is None:
        raise Problem(404, "no-such-image", _("There is no such picture."))
    return found


def _preview(name: str, side: int) -> str:
    try:
        return parts().previews.of(name, side)
    except Refused as refused:
        status = 404 if refused.code == "missing" else 422
        raise Problem(status, refused.code, refused.sentence(language())) from None


def _checked(checker: Checker, file: FileStorage, name: str, lang: str) -> str:
    try:
        file.stream.flush()
        return checker.extension(file.stream.name)
    except Refused as refused:
        status = STATUS_OF_REFUSAL.get(refused.code, 422)
        raise Problem(status, refused.code, refused.sentence(lang), file=name) from None


def as_json(upload: Upload) -> dict[str, Any]:
    """A picture as the API shows it."""
    url = f"{PREFIX}/api/images/{quote(upload.id)}"
    return {
        "id": upload.id,
        "new_file": upload.new_file,
        "original_name": upload.original_name,
        "timestamp": upload.timestamp,
        "url": url,
        "operations": {
            name: {
                "status": state.status,
                "url": f"{url}/{name}" if state.result else None,
                "reason": state.reason,
            }
            for name, state in upload.operations.items()
        },
    }
