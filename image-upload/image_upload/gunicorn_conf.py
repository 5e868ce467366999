"""The gunicorn configuration. It loads all settings in the master, so that a wrong one exits with status 78."""

# ruff: noqa: I001
from web.gunicorn import *  # noqa: F403 - first: it applies the monkey patches

from service.log import LogSettings
from bus.settings import KafkaSettings
from image_upload.settings import UploadSettings

_settings = UploadSettings.load()
KafkaSettings.load()
LogSettings.load()
wsgi_app = "image_upload.app:create_app()"


def when_ready(_server: object) -> None:
    print(f"Open {_settings.public_url}/upload/", flush=True)
