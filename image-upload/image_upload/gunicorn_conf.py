"""Settings of gunicorn; read in its master, so that a wrong setting ends it with status 78."""

# ruff: noqa: I001
from web.gunicorn import *  # noqa: F403 - patches first, then the rest may be imported

from bus.log import LogSettings
from bus.settings import KafkaSettings
from image_upload.settings import UploadSettings

_settings = UploadSettings.load()
KafkaSettings.load()
LogSettings.load()
wsgi_app = "image_upload.app:create_app()"


def when_ready(_server: object) -> None:
    print(f"Open {_settings.public_url}/upload/", flush=True)
