"""The gunicorn configuration. It loads all settings in the master, so that a wrong one exits with status 78."""

# ruff: noqa: I001
from web.gunicorn import *  # noqa: F403 - first: it applies the monkey patches

from service.log import LogSettings
from bus.settings import KafkaSettings
from chatbot.settings import ChatSettings, make_token

_settings = ChatSettings.load()
KafkaSettings.load()
LogSettings.load()
wsgi_app = "chatbot.app:create_app()"

_link = f"{_settings.public_url.rstrip('/')}/chat/attendant"
if _settings.attendant_token is None:
    _link += f"?token={make_token()}"  # printed here and nowhere else


def when_ready(_server: object) -> None:
    print(f"Open {_settings.public_url.rstrip('/')}/chat/", flush=True)
    print(f"Attendants: {_link}", flush=True)
