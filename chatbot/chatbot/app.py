"""Builds the application."""

import threading
import time

from bus import KafkaSettings
from bus.cluster import ClusterView
from bus.kafka_cluster import KafkaCluster
from bus.mirror import Mirror
from bus.producer import Producer
from bus.tracing import traced
from events.catalogue import CONVERSATION_TOPICS
from service import log
from web import Hub, WebApp, exit_service
from web.attendant_auth import AttendantAuth

from . import attendant, bot
from .api import chat
from .backend import ATTENDANTS_CHANNEL, PREFIX, SERVICE, Backend, channel_of
from .conversations import KEEP_EVERY_SECONDS, Conversations, PageEvent
from .settings import ChatSettings, make_token

BLUEPRINTS = (chat, attendant.console, attendant.api)
PUBLISH_TIMEOUT_SECONDS = 6.0
"""After this time without an acknowledgement, the page reports that the broker is not responding."""
TICK_SECONDS = 30.0


def create_app() -> WebApp:
    """Create the application for gunicorn, and start its mirror."""
    log.configure(SERVICE)
    settings, kafka = ChatSettings.load(), KafkaSettings.load()
    token = settings.attendant_token.get_secret_value() if settings.attendant_token else make_token()
    hub = Hub()

    def broadcast(sessao: str, events: list[PageEvent]) -> None:
        for name, data in events:
            hub.send(name, data, channel=channel_of(sessao))
        hub.send("session", conversations.summary(sessao), channel=ATTENDANTS_CHANNEL)

    def is_live() -> bool:
        return mirror.caught_up.is_set()  # no page is served before

    conversations = Conversations(broadcast, is_live)
    mirror = Mirror(
        KafkaCluster(kafka), CONVERSATION_TOPICS, conversations.add_record, from_start=True, end=exit_service
    )
    producer = traced(Producer(kafka, timeout=PUBLISH_TIMEOUT_SECONDS), SERVICE)
    backend = Backend(conversations, mirror, producer, ClusterView(kafka), hub, AttendantAuth(token, PREFIX))
    app = make_app(backend)
    stopping = threading.Event()
    app.on_stop += [hub.close]
    app.on_close += [stopping.set, mirror.stop, lambda: producer.close(timeout=2)]
    mirror.start()
    bot.load()

    def tick_periodically() -> None:
        retention_seconds = kafka.kafka_retention_hours * 3600.0
        while not stopping.wait(TICK_SECONDS):
            conversations.tick(forget_before=time.time() - retention_seconds)
            backend.repeat(conversations.to_repeat(min(KEEP_EVERY_SECONDS, retention_seconds / 4)))

    threading.Thread(target=tick_periodically, daemon=True, name="tick").start()
    return app


def make_app(backend: Backend) -> WebApp:
    """Create the application around `backend`; starts nothing."""

    def catching_up() -> str | None:
        return None if backend.mirror.caught_up.is_set() else "still reading the topics"

    checks = {"broker": backend.cluster.problem, "conversations": catching_up}
    app = WebApp("chatbot", PREFIX, checks, backend.cluster.members)
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.extensions[SERVICE] = backend
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
