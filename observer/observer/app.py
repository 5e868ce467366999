"""Builds the application."""

from bus import KafkaSettings
from service import log
from web import WebApp, exit_service
from web.attendant_auth import AttendantAuth

from . import letters_api
from .access import EXTENSION, Access
from .api import PREFIX, SERVICE, api, door, pages
from .metrics import ClusterCollector
from .observatory import Observatory
from .settings import ObserverSettings


def create_app() -> WebApp:
    """Create the application for gunicorn, and start to follow the topics."""
    log.configure(SERVICE)
    settings, kafka = ObserverSettings.load(), KafkaSettings.load()
    observatory = Observatory(kafka, exit_service, settings.prefixes)
    token = settings.attendant_token
    auth = AttendantAuth(token.get_secret_value(), PREFIX) if token else None
    app = make_app(observatory, Access(settings.is_for_this_machine, auth))
    app.on_stop += [observatory.hub.close, observatory.letters.stop]
    app.on_close += [observatory.stop]
    observatory.start()
    return app


def make_app(observatory: Observatory, access: Access) -> WebApp:
    """Create the application around what it shows; starts nothing."""

    def catching_up() -> str | None:
        return None if observatory.follower.caught_up.is_set() else "still reading the topics"

    checks = {"broker": observatory.cluster.problem, "topics": catching_up}
    app = WebApp("observer", PREFIX, checks, observatory.cluster.members)
    app.collectors.append(ClusterCollector(observatory.state))
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    app.extensions[SERVICE] = observatory
    app.extensions[EXTENSION] = access
    app.extensions[letters_api.EXTENSION] = observatory.letters
    for blueprint in (door, pages, api):
        app.register_blueprint(blueprint)
    return app
