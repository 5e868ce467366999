"""The page and its API. All state comes from the store; records only trigger updates."""

import errno
import filecmp
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

import structlog
from bus.cluster import ClusterView
from bus.ports import Sender
from bus.producer import NotPublished, Outgoing
from events import ImageUploaded, Language
from events.services import OPERATIONS
from flask import Blueprint, Response, current_app, render_template, request, send_file
from flask_babel import gettext as _
from flask_limiter import RequestLimit, RouteLimit
from flask_limiter.util import get_remote_address
from pictures import CODES, FORMATS, About, Refused, Store, Upload
from pydantic import Field
from typing_extensions import TypedDict
from web import Hub, IdempotencyKey, Problem, fault, limiter, operation
from web.languages import language
from web.limits import retry_after
from werkzeug.datastructures import FileStorage

from .form import DEFAULT_LIMIT, FileQuery, ListQuery, UploadForm, email, original_name, telegram_id
from .key_lock import key_lock
from .previews import Previews
from .settings import UploadSettings
from .upload_check import UploadChecker
from .upload_request import UploadRequest

log = structlog.get_logger(__name__)

SERVICE = "image-upload"
PREFIX = "/upload"
STATUS_OF_REFUSAL = {"too-large": 413, "not-an-image": 415, "unsupported-format": 415, "unsupported-kind": 415}
MEDIA_TYPES = {extension: row.media_type for row in FORMATS.values() for extension in row.extensions}
REFUSALS = [
    fault(status, *(code for code in CODES if STATUS_OF_REFUSAL.get(code, 422) == status)) for status in (413, 415, 422)
]
FILE_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private, max-age=31536000"}


PictureId = Annotated[str, Field(description="The `id` of a picture.")]
Which = Annotated[str, Field(json_schema_extra={"enum": ["original", *OPERATIONS]})]


class Accepted(TypedDict):
    """A picture that is stored and published."""

    id: str
    new_file: str
    """Its name in the store, and in events."""
    original_name: str
    url: str
    """The path of its state."""


class AllAccepted(TypedDict):
    images: list[Accepted]
    """In the order of the files."""


class OperationState(TypedDict):
    """How far an operation on a picture is."""

    status: Literal["pending", "done", "failed"]
    url: str | None
    """The path of the result, when it is done."""
    reason: str | None
    """Why it failed, in the language of the upload."""


class Picture(TypedDict):
    id: str
    new_file: str
    """Its name in the store, and in events."""
    original_name: str
    timestamp: float
    """When it was sent, in seconds since 1970."""
    url: str
    """The path of this state."""
    operations: dict[str, OperationState]
    """By their names, such as `rotate`."""


class Pictures(TypedDict):
    images: list[Picture]
    """The newest first."""


@dataclass(frozen=True)
class Backend:
    """The objects that the views work with."""

    settings: UploadSettings
    store: Store
    checker: UploadChecker
    previews: Previews
    producer: Sender
    cluster: ClusterView
    hub: Hub


upload = Blueprint("upload", __name__, url_prefix=PREFIX, static_folder="static", template_folder="templates")


def backend() -> Backend:
    """The backend of the current application."""
    return current_app.extensions[SERVICE]  # type: ignore[no-any-return]


def _limit_notifications(key: Callable[[], str], *fields: str) -> RouteLimit:
    """Limits, per `key`, the notifications that uploads request. Exempt are uploads that leave all `fields` empty."""
    fields = fields or ("email", "telegram_id")

    def reject(_limit: RequestLimit) -> None:
        sentence = _("Too many notifications were requested. Without an address, the picture can be sent right away.")
        raise Problem(429, "too-many-messages", sentence, retry_after())

    return limiter.limit(
        lambda: f"{backend().settings.notifications_per_hour} per hour",
        key_func=key,
        cost=lambda: len(_files()) * len(OPERATIONS),
        exempt_when=lambda: not any((request.form.get(field) or "").strip() for field in fields),
        deduct_when=lambda response: response.status_code == 202,
        on_breach=reject,
    )


@upload.get("/")
def page() -> str:
    words = {operation: service.words(language()) for operation, service in OPERATIONS.items()}
    return render_template(
        "upload.html",
        max_megabytes=backend().settings.max_upload_mb,
        formats=[
            {
                "name": row.label,
                "extension": row.extension,
                "media_type": row.media_type,
                "megapixels": min(row.megapixels, backend().settings.max_megapixels),
            }
            for row in FORMATS.values()
        ],
        operations=list(OPERATIONS),
        labels={operation: its.label for operation, its in words.items() if its.label},
        news={operation: its.sentence for operation, its in words.items() if its.sentence},
    )


@upload.post("/api/images")
@limiter.limit(lambda: f"{backend().settings.uploads_per_minute} per minute", cost=lambda: max(1, len(_files())))
@_limit_notifications(get_remote_address)
@_limit_notifications(lambda: _recipient(email, "email"), "email")
@_limit_notifications(lambda: _recipient(telegram_id, "telegram_id"), "telegram_id")
@operation(
    fault(400, "missing-field", "lang", "email", "telegram-id", "name"),
    *REFUSALS,
    fault(422, "idempotency-key"),
    fault(429, "too-many-requests", "too-many-messages"),
    fault(503, "broker-away", "busy", "store-fails"),
    fault(507, "store-full"),
)
def create_images(form: UploadForm, key: IdempotencyKey) -> tuple[AllAccepted, Literal[202]]:
    """Send pictures. If one file is refused, so is the request: nothing is stored, nothing published.

    A picture stays in the store once its event was sent, even if Kafka does not acknowledge it: the event may have been
    published. If the client repeats the request with the same Idempotency-Key, the picture keeps its id and the event
    its `ce_id`, so consumers recognise the duplicate.
    """
    store = backend().store
    names = [original_name(file.filename) for file in form.file]
    extensions = [_check(backend().checker, file, name, form.lang) for file, name in zip(form.file, names, strict=True)]

    if backend().cluster.problem():
        raise Problem(503, "broker-away", _("Kafka is not responding at the moment. Please try again."), 5)

    with key_lock(store, key) if key else nullcontext():
        stored = _store(form.file, names, extensions, form.lang, key)
    events = [
        ImageUploaded(
            timestamp=timestamp,
            new_file=new_file,
            original_name=name,
            email=form.email,
            telegram_id=form.telegram_id,
            lang=form.lang,
        )
        for (new_file, timestamp), name in zip(stored, names, strict=True)
    ]
    try:
        backend().producer.publish([_record(event) for event in events])
    except NotPublished:
        sentence = _("Kafka has not confirmed that it received the picture, but it may have. Please try again.")
        raise Problem(503, "broker-away", sentence, 5) from None
    accepted: list[Accepted] = [
        {
            "id": event.id,
            "new_file": event.new_file,
            "original_name": event.original_name,
            "url": f"{PREFIX}/api/images/{event.id}",
        }
        for event in events
    ]
    return {"images": accepted}, 202


@upload.get("/api/images")
@operation(fault(400, "limit"), fault(503, "store-fails"))
def list_images(query: ListQuery) -> Pictures:
    """The newest pictures."""
    found = backend().store.uploads(query.limit, query.before, OPERATIONS)
    return {"images": [to_json(upload) for upload in found]}


@upload.get("/api/images/<id>")
@operation(fault(404, "no-such-image"), fault(503, "store-fails"))
def get_image(id: PictureId) -> Picture:
    """One picture, and how far each operation on it is."""
    return to_json(_get_upload(id))


@upload.get("/api/images/<id>/<which>")
@operation(
    fault(400, "width"),
    fault(404, "no-such-image", "no-such-file", "missing"),
    fault(422, *CODES),
    fault(503, "busy", "store-fails"),
    fault(507, "store-full"),
    media_types=sorted({*MEDIA_TYPES.values()}),
)
def get_file(id: PictureId, which: Which, query: FileQuery) -> Response:
    """The original or a result; with `width` a small WebP of it."""
    found = _get_upload(id)
    if which == "original":
        name = f"uploads/{found.new_file}"
    elif which in found.operations and (result := found.operations[which].result):
        name = result
    else:
        raise Problem(404, "no-such-file", _("There is no such file."))
    if query.width:
        name = _preview(name, query.width)
    suffix = "" if which == "original" else f"_{which}"
    stem, _dot, _ending = found.original_name.rpartition(".")
    extension = name.rpartition(".")[2]
    response = send_file(
        backend().store.path(name),
        mimetype=MEDIA_TYPES[extension.lower()],
        download_name=f"{stem or found.original_name}{suffix}.{extension}",
        conditional=True,
    )
    response.headers.update(FILE_HEADERS)
    return response


@upload.get("/api/events")
@operation(fault(503, "store-fails"), events={"image": Picture})
def stream_events() -> Response:
    """Every change of a picture, live; a stream begins with the newest pictures."""
    store = backend().store

    def snapshot() -> Iterator[tuple[str, Any]]:
        for upload in reversed(store.uploads(DEFAULT_LIMIT, None, OPERATIONS)):
            yield "image", to_json(upload)

    return backend().hub.stream(snapshot)


@upload.teardown_request
def discard_files(_error: BaseException | None) -> None:
    if isinstance(request, UploadRequest):
        request.discard_files()


@upload.app_errorhandler(OSError)
def handle_store_error(error: OSError) -> Response:
    log.error("store failed", error=str(error))
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        sentence = _("There is no space left for pictures at the moment, so nothing was stored. Please try again.")
        return Problem(507, "store-full", sentence, 30).response()
    sentence = _("Pictures cannot be stored or read at the moment. Please try again.")
    return Problem(503, "store-fails", sentence, 30).response()


def _files() -> list[FileStorage]:
    return request.files.getlist("file")


def _recipient(normalise: Callable[[str | None], str | None], field: str) -> str:
    """The rate-limit key of the recipient in a form field; the same for all spellings of an address."""
    try:
        return f"{field} {(normalise(request.form.get(field)) or '').lower()}"
    except Problem:
        return field  # invalid: the view rejects it


def _store(
    files: list[FileStorage], names: list[str], extensions: list[str], lang: Language, key: str | None
) -> list[tuple[str, float]]:
    """Store all files that an earlier request with `key` has not stored; or none, if one cannot be stored.

    Returns `new_file` and timestamp of each.
    """
    store, stored, accepted = backend().store, [], []
    try:
        for number, (file, name, extension) in enumerate(zip(files, names, extensions, strict=True)):
            id = store.new_id() if key is None else store.id_of(f"{number} {key}")
            if key and (existing := _existing_upload(id, file, name)):
                accepted.append((existing.new_file, existing.timestamp))
                continue
            now = time.time()
            stored.append(store.accept(file.stream.name, id, extension, About(name, now, lang)))
            accepted.append((stored[-1], now))
    except BaseException:
        for new_file in stored:
            with suppress(OSError):
                store.remove_upload(new_file)
        raise
    return accepted


def _existing_upload(id: str, file: FileStorage, name: str) -> Upload | None:
    """The upload with that id, or None if there is none. Raises Problem (422) if it is a different picture."""
    found = backend().store.upload(id)
    if found and not filecmp.cmp(file.stream.name, backend().store.path(f"uploads/{found.new_file}"), shallow=False):
        raise Problem(
            422, "idempotency-key", _("This Idempotency-Key has already been used for another picture."), file=name
        )
    return found


def _record(event: ImageUploaded) -> Outgoing:
    """The record of an upload. A repeated request for the same recipients gets the same `ce_id`."""
    id = uuid.uuid5(uuid.NAMESPACE_URL, f"{event.type} {event.id} {event.email} {event.telegram_id}")
    return Outgoing.of("image", event.encoded(), SERVICE).named(str(id))


def _get_upload(id: str) -> Upload:
    """Raises Problem (404)."""
    found = backend().store.upload(id, OPERATIONS)
    if found is None:
        raise Problem(404, "no-such-image", _("There is no such picture."))
    return found


def _preview(name: str, side: int) -> str:
    try:
        return backend().previews.get(name, side)
    except Refused as refused:
        status = 404 if refused.code == "missing" else 422
        raise Problem(status, refused.code, refused.sentence(language())) from None


def _check(checker: UploadChecker, file: FileStorage, name: str, lang: str) -> str:
    try:
        file.stream.flush()
        return checker.extension(file.stream.name)
    except Refused as refused:
        status = STATUS_OF_REFUSAL.get(refused.code, 422)
        raise Problem(status, refused.code, refused.sentence(lang), file=name) from None


def to_json(upload: Upload) -> Picture:
    """A picture as the API represents it."""
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
