"""The application, put together."""

import threading
import time

from bus import KafkaSettings, log
from bus.cluster import ClusterView
from bus.mirror import Mirror
from bus.producer import Producer
from web import Hub, Web, end_service

from . import attendant, bot
from .api import chat
from .conversations import TOPICS_OF_A_CONVERSATION, Conversations, PageEvent
from .entry import Entry
from .parts import ATTENDANTS, PREFIX, SERVICE, Parts, channel_of
from .settings import ChatSettings, make_token

PUBLISH_WITHIN = 6.0
"""Seconds that a person waits at most before the page says that the broker is away."""
TICK_SECONDS = 30.0


def create_app() -> Web:
    """The application as gunicorn serves it, its mirror started."""
    log.configure(SERVICE)
    settings, kafka = ChatSettings.load(), KafkaSettings.load()
    token = settings.attendant_token.get_secret_value() if settings.attendant_token else make_token()
    hub = Hub()

    def tell(sessao: str, news: list[PageEvent]) -> None:
        for name, data in news:
            hub.send(name, data, channel=channel_of(sessao))
        hub.send("session", conversations.summary(sessao), channel=ATTENDANTS)

    def live() -> bool:
        return mirror.caught_up.is_set()  # pages wait for that

    conversations = Conversations(tell, live)
    mirror = Mirror(kafka, TOPICS_OF_A_CONVERSATION, conversations.heard, from_start=True, end=end_service)
    parts = Parts(conversations, mirror, Producer(kafka, timeout=PUBLISH_WITHIN), ClusterView(kafka), hub, Entry(token))
    app = make_app(parts)
    stopping = threading.Event()
    app.on_close += [stopping.set, hub.close, mirror.stop, lambda: parts.producer.close(timeout=2)]
    mirror.start()
    bot.load()

    def keep_time() -> None:
        while not stopping.wait(TICK_SECONDS):
            conversations.tick(forget_before=time.time() - kafka.kafka_retention_hours * 3600)

    threading.Thread(target=keep_time, daemon=True, name="time").start()
    return app


def make_app(parts: Parts) -> Web:
    """The application around its parts; starts nothing."""

    def not_caught_up() -> str | None:
        return None if parts.mirror.caught_up.is_set() else "still reading what the topics hold"

    checks = {"broker": parts.cluster.problem, "conversations": not_caught_up}
    app = Web("chatbot", PREFIX, checks, parts.cluster.members)
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    app.extensions[SERVICE] = parts
    for blueprint in (chat, attendant.console, attendant.api):
        app.register_blueprint(blueprint)
    return app
