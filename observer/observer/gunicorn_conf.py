"""The gunicorn configuration. It loads all settings in the master, so that a wrong one exits with status 78."""

# ruff: noqa: I001
from web.gunicorn import *  # noqa: F403 - first: it applies the monkey patches

from service.log import LogSettings
from bus.settings import KafkaSettings
from observer.access import CLOSED
from observer.settings import ObserverSettings

_settings = ObserverSettings.load()
KafkaSettings.load()
LogSettings.load()
wsgi_app = "observer.app:create_app()"


def when_ready(_server: object) -> None:
    if _settings.is_for_this_machine or _settings.attendant_token:
        print(f"Open {_settings.public_url}/live/", flush=True)
    else:
        print(CLOSED, flush=True)
