"""Settings of gunicorn; read in its master, so that a wrong setting ends it with status 78."""

# ruff: noqa: I001
from web.gunicorn import *  # noqa: F403 - patches first, then the rest may be imported

from bus.log import LogSettings
from bus.settings import KafkaSettings
from chatbot.settings import ChatSettings, make_token

_settings = ChatSettings.load()
KafkaSettings.load()
LogSettings.load()
wsgi_app = "chatbot.app:create_app()"

_link = f"{_settings.public_url.rstrip('/')}/chat/attendant"
if _settings.attendant_token is None:
    _link += f"?token={make_token()}"  # told here and nowhere else


def when_ready(_server: object) -> None:
    print(f"Open {_settings.public_url.rstrip('/')}/chat/", flush=True)
    print(f"Attendants: {_link}", flush=True)
