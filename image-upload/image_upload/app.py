"""The application, put together."""

from contextlib import suppress
from functools import partial
from typing import Any

from bus import Event, KafkaSettings, Undecodable, log
from bus.cluster import ClusterView
from bus.mirror import Mirror
from bus.producer import Producer
from bus.topics import TOPICS
from pictures import OPERATIONS, Refused
from web import Hub, Web, end_service

from .api import PREFIX, SERVICE, Parts, as_json, upload
from .checking import Checker
from .previewing import Previews
from .receiving import UploadRequest
from .settings import UploadSettings

PUBLISH_WITHIN = 6.0
"""Seconds that a person waits at most before the page says that the broker is away."""


def create_app() -> Web:
    """The application as gunicorn serves it, its mirror and its first child started."""
    log.configure(SERVICE)
    settings, kafka = UploadSettings.load(), KafkaSettings.load()
    parts = Parts(
        settings=settings,
        store=settings.store,
        checker=Checker(settings.limits),
        previews=Previews(settings.store),
        producer=Producer(kafka, timeout=PUBLISH_WITHIN),
        cluster=ClusterView(kafka),
        hub=Hub(),
    )
    heard = partial(_tell, parts)
    mirror = Mirror(kafka, ["image", "notification"], heard, end=end_service)
    app = make_app(parts)
    app.on_close += [parts.hub.close, mirror.stop, parts.checker.stop, parts.previews.stop]
    app.on_close += [lambda: parts.producer.close(timeout=2)]
    with suppress(OSError):  # what is wrong with the store is told by readyz
        parts.store.sweep_previews()
    mirror.start()
    parts.checker.start()
    return app


def make_app(parts: Parts) -> Web:
    """The application around its parts; starts nothing."""

    def store_problem() -> str | None:
        try:
            parts.store.create(OPERATIONS)
            parts.store.writable()
        except OSError as error:
            return str(error)
        return None

    checks = {"broker": parts.cluster.problem, "store": store_problem}
    app = Web("image_upload", PREFIX, checks, parts.cluster.members)
    app.request_class = UploadRequest
    app.config.update(
        STORE=parts.store,
        MAX_FILE_BYTES=parts.settings.limits.bytes,
        MAX_CONTENT_LENGTH=parts.settings.max_request_bytes,
        MAX_FORM_PARTS=100,
    )
    app.extensions[SERVICE] = parts
    app.register_blueprint(upload)
    store_problem()  # makes the folders; what is wrong with them is told by readyz
    return app


def _tell(parts: Parts, topic: str, record: Any) -> None:
    """An upload or an answer was published, here or elsewhere: tell every open page how the picture stands now."""
    try:
        event: Event = TOPICS[topic].event.decode(record.value)
        found = parts.store.upload(event.key, OPERATIONS)
    except (Undecodable, Refused):
        return  # the workers make a dead letter of it
    if found:
        parts.hub.send("image", as_json(found))
