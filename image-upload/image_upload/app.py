"""Builds the application."""

from contextlib import suppress
from functools import partial
from typing import Any

from bus import KafkaSettings
from bus.cluster import ClusterView
from bus.kafka_cluster import KafkaCluster
from bus.mirror import Mirror
from bus.producer import Producer
from bus.tracing import traced
from events import Event, Undecodable
from events.catalogue import TOPICS
from events.services import OPERATIONS
from pictures import Refused
from service import log
from web import Hub, WebApp, exit_service

from .api import PREFIX, SERVICE, Backend, to_json, upload
from .previews import Previews
from .settings import UploadSettings
from .upload_check import UploadChecker
from .upload_request import UploadRequest

BLUEPRINTS = (upload,)
PUBLISH_TIMEOUT_SECONDS = 6.0
"""After this time without an acknowledgement, the page reports that the broker is not responding."""


def create_app() -> WebApp:
    """Create the application for gunicorn, and start its mirror and its first child process."""
    log.configure(SERVICE)
    settings, kafka = UploadSettings.load(), KafkaSettings.load()
    backend = Backend(
        settings=settings,
        store=settings.store,
        checker=UploadChecker(settings.limits),
        previews=Previews(settings.store),
        producer=traced(Producer(kafka, timeout=PUBLISH_TIMEOUT_SECONDS), SERVICE),
        cluster=ClusterView(kafka),
        hub=Hub(),
    )
    mirror = Mirror(KafkaCluster(kafka), ["image", "notification"], partial(_broadcast, backend), end=exit_service)
    app = make_app(backend)
    app.on_stop += [backend.hub.close]
    app.on_close += [mirror.stop, backend.checker.stop, backend.previews.stop]
    app.on_close += [lambda: backend.producer.close(timeout=2)]
    with suppress(OSError):  # readyz reports problems of the store
        backend.store.sweep_previews()
    mirror.start()
    backend.checker.start()
    return app


def make_app(backend: Backend) -> WebApp:
    """Create the application around `backend`; starts nothing."""

    def store_problem() -> str | None:
        try:
            backend.store.create(OPERATIONS)
            backend.store.writable()
        except OSError as error:
            return str(error)
        return None

    checks = {"broker": backend.cluster.problem, "store": store_problem}
    app = WebApp("image_upload", PREFIX, checks, backend.cluster.members)
    app.request_class = UploadRequest
    app.config.update(
        STORE=backend.store,
        MAX_FILE_BYTES=backend.settings.limits.bytes,
        MAX_CONTENT_LENGTH=backend.settings.max_request_bytes,
        MAX_FORM_PARTS=100,
    )
    app.extensions[SERVICE] = backend
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    store_problem()  # creates the folders; readyz reports problems
    return app


def _broadcast(backend: Backend, topic: str, record: Any) -> None:
    """Send the current state of the picture that `record` is about to every open page."""
    try:
        event: Event = TOPICS[topic].event.decode(record.value)
        found = backend.store.upload(event.key, OPERATIONS)
    except (Undecodable, Refused):
        return  # the workers send it to their dead-letter topics
    if found:
        backend.hub.send("image", to_json(found))
